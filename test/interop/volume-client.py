"""Cinder's own client of the volume service, driven by lines of JSON.

    {"method": "create_group", "args": [{"Group": id}], "kwargs": {}}      a method of cinder.volume.rpcapi.VolumeAPI
    {"raw": "failover_host", "queue": "h@b", "kwargs": {}}                 a cast that it has no method for

An argument {"Class": id} is that object, read from the database; {"Class": {...}} a new one with these fields. The
answer is {"value": result} or {"error": class, "message": text}.
"""
import json
import logging
import sys
import warnings

warnings.simplefilter('ignore')
logging.disable(logging.CRITICAL)

from oslo_config import cfg

from cinder import context
from cinder import objects

objects.register_all()

from cinder import rpc
from cinder.objects import base
from cinder.volume import rpcapi

cfg.CONF(['--config-file', sys.argv[1]], project='cinder', version='test')
rpc.init(cfg.CONF)
api = rpcapi.VolumeAPI()
ctxt = context.get_admin_context()
serializer = base.CinderObjectSerializer()


def argument(value):
    if isinstance(value, dict) and len(value) == 1:
        ((name, what),) = value.items()
        cls = getattr(objects, name, None)
        if cls is not None:
            return cls(ctxt, **what) if isinstance(what, dict) else cls.get_by_id(ctxt, what)
    return value


def do(command):
    kwargs = {name: argument(value) for name, value in command.get('kwargs', {}).items()}
    if 'raw' in command:
        return api._get_cctxt(command['queue']).cast(ctxt, command['raw'], **kwargs)
    args = [argument(value) for value in command.get('args', [])]
    return getattr(api, command['method'])(ctxt, *args, **kwargs)


for line in sys.stdin:
    try:
        answer = {'value': serializer.serialize_entity(ctxt, do(json.loads(line)))}
    except Exception as error:
        answer = {'error': type(error).__name__, 'message': str(error)}
    sys.stdout.write(json.dumps(answer) + '\n')
    sys.stdout.flush()
