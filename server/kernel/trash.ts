// How long things stay in the trash (domain rules, section 1).

/** Days from a deletion to its end. */
export const trashDays = 30
