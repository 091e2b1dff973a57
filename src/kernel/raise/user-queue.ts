// Which raise begins next. Raises of users without another one on its way come first: a raise behind another must read its
// trigger's stream, because a conflict would cost it its place. Only slots that nobody else can use go to raises behind.

export type UserQueue = {
  /** Runs work after the earlier work of the user has begun, and settles as the work does. */
  readonly run: <T>(user: string, work: () => Promise<T>) => Promise<T>;
};

type User = { running: number; readonly waiting: (() => void)[] };

/**
 * @param concurrency how many works may run
 * @param perUser how many of them may be of one user
 */
export function userQueue(concurrency: number, perUser: number): UserQueue {
  const users = new Map<string, User>();
  /** Users with waiting work, and none that runs. */
  const idle = new Set<User>();
  /** Users with waiting work, and some that runs. */
  const busy = new Set<User>();
  let running = 0;

  const begin = (user: User): void => {
    running += 1;
    user.running += 1;
    idle.delete(user);
    if (user.waiting.length === 1) busy.delete(user);
    else busy.add(user);
    user.waiting.shift()?.();
  };

  const next = (): User | undefined => {
    for (const user of idle) return user;
    for (const user of busy) if (user.running < perUser) return user;
    return undefined;
  };

  return {
    async run(key, work) {
      const user = users.get(key) ?? { running: 0, waiting: [] };
      users.set(key, user);
      const begun = new Promise<void>((resolve) => user.waiting.push(resolve));
      (user.running === 0 ? idle : busy).add(user);
      if (user.running === 0 && running < concurrency) begin(user);
      await begun;
      try {
        return await work();
      } finally {
        running -= 1;
        user.running -= 1;
        if (user.running === 0 && user.waiting.length === 0) users.delete(key);
        if (user.running === 0 && busy.delete(user)) idle.add(user);
        for (let found = next(); found !== undefined && running < concurrency; found = next())
          begin(found);
      }
    },
  };
}
