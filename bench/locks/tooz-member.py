"""A process of the lock bench with Python's Tooz: as member-process.ts, whose tasks member-task.ts describes."""
import contextlib
import json
import queue
import random
import sys
import threading
import time
import uuid

from tooz import coordination

task = json.loads(sys.argv[1])
coordinator = None
if task['url'] is not None:
    if task['url'].startswith('etcd3+'):
        # Bookworm's etcd3gw.client() does not know the argument api_path that its Tooz gives; the class does.
        import etcd3gw
        from etcd3gw.client import Etcd3Client
        etcd3gw.client = Etcd3Client
    coordinator = coordination.get_coordinator(task['url'], ('cinder-%s' % uuid.uuid4()).encode('ascii'))
    coordinator.start(start_heart=True)


def lock(name):
    return coordinator.get_lock(('cinder-' + name).encode('ascii'))


def turns():
    done = []
    until = time.monotonic() + task['seconds']
    while time.monotonic() < until:
        asked = time.monotonic_ns()
        held = lock(task['lock'])
        assert held.acquire()
        had = time.monotonic_ns()
        if task['counter'] is None:
            time.sleep(task['holdMs'] / 1000)
        else:
            with open(task['counter']) as f:
                before = int(f.read())
            time.sleep(task['holdMs'] / 1000)
            with open(task['counter'], 'w') as f:
                f.write(str(before + 1))
        ended = time.monotonic_ns()
        held.release()
        done.append([asked, had, ended, time.monotonic_ns()])
    return done


class Rows:
    """Only with locks: what the database decides alone is the same from any client."""

    def __init__(self):
        import psycopg2
        self.until = time.monotonic() + task['seconds']
        self.connections = queue.Queue()
        for _ in range(task['connections']):
            connection = psycopg2.connect(task['databaseUrl'])
            connection.autocommit = True
            self.connections.put(connection)

    def query(self, sql, row):
        connection = self.connections.get()
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql, (row,))
                return cursor.fetchone() if cursor.description else None
        finally:
            self.connections.put(connection)

    def claim(self, row):
        if self.query('SELECT status FROM bench_rows WHERE id = %s', row) != ('available',):
            return False
        self.query("UPDATE bench_rows SET status = 'deleting' WHERE id = %s", row)
        return True

    def give_back(self, row):
        self.query("UPDATE bench_rows SET status = 'available' WHERE id = %s", row)

    def change(self, row):
        asked = time.monotonic()
        if task['method'] == 'lock, whole':
            with lock(row):
                assert self.claim(row), 'two have the lock'
                had = time.monotonic()
                self.give_back(row)
            return [(had - asked) * 1000, (time.monotonic() - had) * 1000]
        while True:
            with lock(row):
                won = self.claim(row)
            if won:
                break
            if time.monotonic() > self.until:
                return None
            time.sleep(random.uniform(0.005, 0.015))
        had = time.monotonic()
        with lock(row):
            self.give_back(row)
        return [(had - asked) * 1000, (time.monotonic() - had) * 1000]

    def work(self, row, done):
        for _ in range(task['changes']):
            if time.monotonic() > self.until:
                return
            change = self.change(row)
            if change is not None:
                done.append(change)

    def change_all(self):
        done = []
        threads = [threading.Thread(target=self.work, args=(row, done)) for row in task['rows']]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return done


rows = Rows() if task['kind'] == 'changes' else None
print('ready', flush=True)
sys.stdin.readline()
since = time.monotonic()
result = {'turns': [], 'changes': []}
if rows is not None:
    rows.until = time.monotonic() + task['seconds']
    result['changes'] = rows.change_all()
else:
    result['turns'] = turns()
result['seconds'] = time.monotonic() - since
print(json.dumps(result), flush=True)
with contextlib.suppress(Exception):
    coordinator.stop()
