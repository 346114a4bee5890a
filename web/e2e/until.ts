// until asks until the answer is yes, or throws what stood in the way. limit is in milliseconds.
export async function until(what: string, limit: number, yes: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + limit;
  let why: unknown = 'no';
  while (Date.now() < end) {
    try {
      if (await yes()) return;
    } catch (error) {
      why = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${what}: not within ${limit} ms: ${String(why)}`);
}
