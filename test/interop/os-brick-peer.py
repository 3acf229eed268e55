"""Connects to a volume as Nova, cinder-backup and migrations do: by os-brick's connector for RemoteFS.

stdin: {"info": connection_info, "base": folder for mount points, "shares": {export: folder}}
stdout: {"path": the device's path, "mounts": [argv]}

No share is mounted: in place of `mount` the mount point becomes a link to the folder that stands for the export.
"""
import json
import os
import sys

from os_brick.initiator import connector

given = json.load(sys.stdin)
info = given['info']
mounts = []


def execute(*argv, **_kwargs):
    if argv[0] == 'mkdir':
        os.makedirs(argv[-1], exist_ok=True)
    elif argv[0] == 'mount':
        mounts.append(argv)
        if not os.path.islink(argv[-1]):
            os.rmdir(argv[-1])
            os.symlink(given['shares'][argv[-2]], argv[-1])
    else:
        raise AssertionError(argv)
    return '', ''


brick = connector.InitiatorConnector.factory(
    info['driver_volume_type'].upper(), None, execute=execute, nfs_mount_point_base=given['base'])
device = brick.connect_volume(info['data'])
brick.disconnect_volume(info['data'], device)
json.dump({'path': device['path'], 'mounts': mounts}, sys.stdout)
