// What commands about applications, projects and their columns do to rows (domain rules, sections 4 and 6).
import { freshRanks } from '../../../server/kernel/rank.ts'
import { settleStatus, taskCounters } from './counters.ts'
import { bringBack, emptyColumn, removeTask } from './tasks.ts'
import { type Args, count, created, type Effects, patch, picked, rankFor, siblings, text } from './view.ts'

// domain rules, section 6.1; the parity test compares them with the server's
const categoryColors: Readonly<Record<string, string>> = {
  todo: '#8B95A1',
  active: '#2F80ED',
  review: '#9B51E0',
  issue: '#EB5757',
  done: '#27AE60',
}

export const boardEffects: Effects = {
  'application.create': (view, args, context) => {
    const { id } = args
    view.put('application', text(id), {
      ...created(args, context),
      name: args.name,
      description: args.description ?? null,
      editors_may_add_editors: args.editors_may_add_editors ?? true,
      created_by_id: context.userId ?? null,
      archived_at: null,
      projects_count: 0,
      members_count: 1,
    })
    for (const shape of ['my_memberships', 'application_members']) {
      // under an id of its own, until the server's row is there
      if (siblings(view, shape, 'application_id', id, undefined).length > 0) continue
      view.put(shape, text(id), {
        ...created(args, context),
        application_id: id,
        user_id: context.userId ?? null,
        role: 'owner',
        display_name: context.userName ?? '',
        avatar_url: null,
        invitation_id: null,
      })
    }
  },
  'application.archive': (view, args, { editedAt }) => {
    if (view.get('application', text(args.id))?.archived_at === null)
      patch(view, 'application', args.id, { archived_at: editedAt })
  },
  'application.unarchive': (view, args) => patch(view, 'application', args.id, { archived_at: null }),
  'project.create': (view, args, context) => {
    const { id } = args
    view.put('projects', text(id), {
      ...created(args, context),
      application_id: args.application_id,
      key: text(args.key).trim().toUpperCase(),
      name: args.name,
      description: args.description ?? null,
      project_type: args.project_type ?? 'kanban',
      due_date: args.due_date ?? null,
      lead_id: args.lead_id ?? null,
      created_by_id: context.userId ?? null,
      require_assignee: args.require_assignee ?? false,
      freeze_done: args.freeze_done ?? false,
      archived_at: null,
      unarchived_at: null,
      derived_status: 'todo',
      override_status: null,
      override_reason: null,
      override_by_id: null,
      override_expires_at: null,
      effective_status: 'todo',
    })
    const scope = { application_id: args.application_id, project_id: id }
    view.put('project_aggregates', text(id), {
      ...scope,
      ...Object.fromEntries(taskCounters.map(name => [name, 0])),
      updated_at: context.editedAt,
    })
    if (siblings(view, 'project_members', 'project_id', id, undefined).length === 0) {
      // under an id of its own, until the server's row is there
      view.put('project_members', text(id), {
        ...created(args, context),
        ...scope,
        user_id: context.userId ?? null,
        role: 'admin',
        added_by_id: context.userId ?? null,
      })
    }
    const statuses = Array.isArray(args.statuses) ? (args.statuses as Args[]) : []
    const ranks = freshRanks(statuses.length, () => 0.5)
    for (const [index, status] of statuses.entries()) {
      // a column without an id of the client's gets one from the server: nothing can be put into it before
      if (typeof status.id !== 'string') continue
      view.put('task_statuses', status.id, {
        ...created(status, context),
        ...scope,
        name: status.name,
        category: status.category,
        color: status.color ?? categoryColors[text(status.category)],
        rank: ranks[index],
      })
    }
    count(view, 'application', args.application_id, { projects_count: 1 })
  },
  'project.archive': (view, args, { editedAt }) => {
    const project = view.get('projects', text(args.id))
    if (!project || project.archived_at !== null) return
    patch(view, 'projects', args.id, { archived_at: editedAt })
    count(view, 'application', project.application_id, { projects_count: -1 })
  },
  'project.unarchive': (view, args, context) => bringBack(view, args.id, context),
  'project.delete': (view, args) => {
    const project = view.get('projects', text(args.id))
    if (!project) return
    for (const task of siblings(view, 'tasks', 'project_id', args.id, undefined)) removeTask(view, text(task.id))
    for (const shape of ['task_statuses', 'project_members']) {
      for (const row of siblings(view, shape, 'project_id', args.id, undefined)) view.remove(shape, text(row.id))
    }
    view.remove('project_aggregates', text(args.id))
    view.remove('projects', text(args.id))
    if (project.archived_at === null) count(view, 'application', project.application_id, { projects_count: -1 })
  },
  'project.set_override': (view, args, context) => {
    const column = view.get('task_statuses', text(args.status_id))
    const status = args.status_id === undefined ? args.status : column?.category
    if (status === undefined) return
    patch(view, 'projects', args.id, {
      override_status: status,
      override_reason: args.reason,
      override_by_id: context.userId ?? null,
      override_expires_at: args.expires_at ?? null,
    })
    settleStatus(view, args.id, context.editedAt)
  },
  'project.clear_override': (view, args, context) => {
    patch(view, 'projects', args.id, {
      override_status: null,
      override_reason: null,
      override_by_id: null,
      override_expires_at: null,
    })
    settleStatus(view, args.id, context.editedAt)
  },
  'status.create': (view, args, context) => {
    const others = siblings(view, 'task_statuses', 'project_id', args.project_id, args.id)
    const project = view.get('projects', text(args.project_id)) ?? others[0]
    if (!project) return
    view.put('task_statuses', text(args.id), {
      ...created(args, context),
      application_id: project.application_id,
      project_id: args.project_id,
      name: args.name,
      category: args.category,
      color: args.color ?? categoryColors[text(args.category)],
      rank: rankFor(others, args, true) ?? 'a0',
    })
  },
  'status.update': (view, args) => patch(view, 'task_statuses', args.id, picked(args, ['name', 'color'])),
  'status.move': (view, args) => {
    const status = view.get('task_statuses', text(args.id))
    if (!status) return
    const rank = rankFor(siblings(view, 'task_statuses', 'project_id', status.project_id, status.id), args, false)
    if (rank !== undefined) patch(view, 'task_statuses', args.id, { rank })
  },
  'project.update': (view, args) =>
    patch(
      view,
      'projects',
      args.id,
      picked(args, ['name', 'description', 'project_type', 'due_date', 'lead_id', 'require_assignee', 'freeze_done']),
    ),
  'application.update': (view, args) =>
    patch(view, 'application', args.id, picked(args, ['name', 'description', 'editors_may_add_editors'])),
  'status.delete': (view, args, { editedAt }) => {
    const filled = siblings(view, 'tasks', 'status_id', args.id, undefined).length > 0
    // the server refuses to take a column away under its cards
    if (filled && view.get('task_statuses', text(args.target_status_id)) === undefined) return
    if (filled) emptyColumn(view, args.id, args.target_status_id, editedAt)
    view.remove('task_statuses', text(args.id))
  },
}
