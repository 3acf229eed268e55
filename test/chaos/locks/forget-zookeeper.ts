import zookeeper from 'node-zookeeper-client';

/** Tooz's, with its default namespace. */
const root = '/tooz/locks';

/** What an operator's hand may do: removes every contender's node below every lock. */
export async function forgetZookeeperLocks(port: number): Promise<void> {
  const client = zookeeper.createClient(`127.0.0.1:${port}`);
  const children = (path: string): Promise<readonly string[]> =>
    new Promise((resolve) => client.getChildren(path, (_, found) => resolve(found ?? [])));
  const remove = (path: string): Promise<void> => new Promise((resolve) => client.remove(path, () => resolve()));
  await new Promise<void>((resolve) => {
    client.once('connected', resolve);
    client.connect();
  });
  for (const lock of await children(root)) {
    await Promise.all((await children(`${root}/${lock}`)).map((node) => remove(`${root}/${lock}/${node}`)));
  }
  client.close();
}
