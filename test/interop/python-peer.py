"""A Python peer without a broker: rebuilds failures, and reads and writes one message, with Cinder's own code.

Reads JSON {"failures": [text, ...], "body": text} from stdin and answers on stdout.
"""
import json
import logging
import sys
import warnings

warnings.simplefilter('ignore')
logging.disable(logging.CRITICAL)

from oslo_messaging._drivers import common
from oslo_serialization import jsonutils

from cinder import context
from cinder import objects

objects.register_all()

from cinder.objects import base


def rebuilt(text):
    error = common.deserialize_remote_exception(text, ['cinder.exception'])
    return {'class': type(error).__name__, 'msg': getattr(error, 'msg', None), 'code': getattr(error, 'code', None)}


def echoed(body):
    message = common.deserialize_msg(jsonutils.loads(body))
    keys = {key[len('_context_'):]: value for key, value in message.items() if key.startswith('_context_')}
    ctxt = context.RequestContext.from_dict(keys)
    serializer = base.CinderObjectSerializer()
    args = {name: serializer.deserialize_entity(ctxt, value) for name, value in message['args'].items()}
    return {
        'method': message['method'],
        'context': ctxt.to_dict(),
        'classes': {name: type(value).__name__ for name, value in args.items()},
        'args': {name: serializer.serialize_entity(ctxt, value) for name, value in args.items()},
    }


given = json.load(sys.stdin)
answer = {'failures': [rebuilt(text) for text in given['failures']], 'echo': echoed(given['body'])}
sys.stdout.write(jsonutils.dumps(answer))
