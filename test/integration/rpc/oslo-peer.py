"""A peer that speaks oslo.messaging, the library itself: reads commands from stdin, one JSON a line, and answers so.

Arguments: transport URL, JSON of options of [oslo_messaging_rabbit].
"""
import json
import logging
import sys
import threading
import warnings

warnings.simplefilter('ignore')
logging.disable(logging.CRITICAL)

from oslo_config import cfg
import oslo_messaging as messaging
from oslo_messaging._metrics import client as metrics

url, options = sys.argv[1], json.loads(sys.argv[2])
conf = cfg.ConfigOpts()
conf([], project='peer')
# The services register these themselves; a client asks for them unasked.
conf.register_opts(metrics.oslo_messaging_metrics, group='oslo_messaging_metrics')
transport = messaging.get_rpc_transport(conf, url=url, allowed_remote_exmods=['cinder.exception'])
for name, value in options.items():
    conf.set_override(name, value, group='oslo_messaging_rabbit')

lock = threading.Lock()


def say(what):
    with lock:
        sys.stdout.write(json.dumps(what) + '\n')
        sys.stdout.flush()


class Endpoint:
    target = messaging.Target(version='3.18')

    def call_echo(self, ctxt, **args):
        return args

    def call_fail(self, ctxt):
        raise ValueError('no')

    def cast_it(self, ctxt, **args):
        say({'event': 'cast', 'args': args, 'user': ctxt.get('user_id')})


class Notified:
    def info(self, ctxt, publisher_id, event_type, payload, metadata):
        say({'event': 'notified', 'publisher': publisher_id, 'type': event_type, 'payload': payload})


servers = []


def serve(topic, server):
    target = messaging.Target(topic=topic, server=server)
    started = messaging.get_rpc_server(transport, target, [Endpoint()], executor='threading')
    started.start()
    servers.append(started)


def listen():
    notifications = messaging.get_notification_transport(conf, url=url)
    target = messaging.Target(topic='notifications')
    started = messaging.get_notification_listener(notifications, [target], [Notified()], executor='threading')
    started.start()
    servers.append(started)


def client(topic, server=None, fanout=None, timeout=20):
    target = messaging.Target(topic=topic, server=server, fanout=fanout, version='3.0')
    return messaging.RPCClient(transport, target, timeout=timeout)


def call(topic, server, method, args):
    try:
        return {'result': client(topic, server).call({'user_id': 'python'}, method, **args)}
    except Exception as error:
        return {'class': type(error).__name__, 'text': str(error), 'exc_type': getattr(error, 'exc_type', None)}


def cast(topic, server, fanout, method, args):
    client(topic, server, fanout).cast({'user_id': 'python', 'read_deleted': 'no'}, method, **args)


commands = {'serve': serve, 'listen': listen, 'call': call, 'cast': cast}

for line in sys.stdin:
    command = json.loads(line)
    try:
        say({'event': 'answer', 'value': commands[command.pop('do')](**command)})
    except Exception as error:
        say({'event': 'answer', 'error': repr(error)})
