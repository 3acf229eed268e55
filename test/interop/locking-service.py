"""The part of Python's cinder-volume that takes a lock, on the queue of one backend: attach_volume, with Cinder's own code.

    locking-service.py CONF HOST@BACKEND LOCKS

LOCKS is its `[coordination] backend_url`, whatever CONF says. Prints `ready` once requests are consumed.
"""
import logging
import sys
import time
import warnings

warnings.simplefilter('ignore')
logging.disable(logging.CRITICAL)

from oslo_config import cfg
import oslo_messaging as messaging

from cinder import objects

objects.register_all()

from cinder import coordination
from cinder import rpc
from cinder.volume import manager

conf, backend, locks = sys.argv[1:]
cfg.CONF(['--config-file', conf], project='cinder', version='test')
cfg.CONF.set_override('backend_url', locks, 'coordination')
rpc.init(cfg.CONF)
coordination.COORDINATOR.start()


class Endpoint:
    target = messaging.Target(version='3.17')

    def attach_volume(self, context, volume_id, **kwargs):
        return manager.VolumeManager.attach_volume(self, context, volume_id, **kwargs)


target = messaging.Target(topic='cinder-volume.' + backend, server=backend.split('@')[0])
server = messaging.get_rpc_server(
    rpc.TRANSPORT, target, [Endpoint()], executor='threading', serializer=rpc.RequestContextSerializer(None))
server.start()
print('ready', flush=True)
while True:
    time.sleep(60)
