"""A lock client of Python's Tooz, for tests: tooz-peer.py URL COMMAND NAME [ARGS...]

  hold NAME           takes the lock as cinder does, prints "held", releases it at a line on stdin, prints the result
  count NAME FILE N   N times: takes the lock and adds one to the number in FILE
"""
import sys
import time
import uuid

from tooz import coordination

url, command, name, *args = sys.argv[1:]
if url.startswith('etcd3+'):
    # Bookworm's etcd3gw.client() does not know the argument api_path that its Tooz gives; the class behind it does.
    import etcd3gw
    from etcd3gw.client import Etcd3Client
    etcd3gw.client = Etcd3Client
coordinator = coordination.get_coordinator(url, ('cinder-%s' % uuid.uuid4()).encode('ascii'))
coordinator.start(start_heart=True)


def lock():
    return coordinator.get_lock(('cinder-' + name).encode('ascii'))


def say(text):
    print(text, flush=True)


if command == 'hold':
    held = lock()
    assert held.acquire()
    say('held')
    sys.stdin.readline()
    say('released' if held.release() else 'lost')
else:
    file, times = args
    for _ in range(int(times)):
        with lock():
            with open(file) as f:
                before = int(f.read())
            time.sleep(0.001)
            with open(file, 'w') as f:
                f.write(str(before + 1))
    say('done')
coordinator.stop()
