export const runDemo = async (_options: { input: string | undefined; print: (t: string) => void }): Promise<number> => 0
