"""Upstream's NFS driver, as far as it handles the files of encrypted volumes, on a folder.

Reads JSON {"do": "create" | "commit" | "convert", …} from stdin and does it with Cinder's own code.
"""
import binascii
import json
import sys
import types
from unittest import mock
import warnings

warnings.simplefilter('ignore')

from oslo_concurrency import processutils

from cinder import objects

objects.register_all()

from cinder.image import image_utils
from cinder import utils
from cinder.volume.drivers import nfs
from cinder.volume.drivers import remotefs

given = json.load(sys.stdin)


def execute(*cmd, **kwargs):
    for name in ('run_as_root', 'prlimit'):
        kwargs.pop(name, None)
    return processutils.execute(*cmd, **kwargs)


utils.execute = execute
remotefs.key_manager = types.SimpleNamespace(API=lambda conf: mock.Mock(
    get=lambda context, key_id: mock.Mock(get_encoded=lambda: binascii.unhexlify(given['passphrase']))))
remotefs.volume_utils.image_conversion_dir = lambda: given['tmp']

driver = nfs.NfsDriver.__new__(nfs.NfsDriver)
driver._execute = execute
driver._execute_as_root = False
encryption = {'cipher': 'aes-xts-plain64', 'key_size': 256, 'encryption_key_id': 'key', 'provider': 'luks'}

if given['do'] == 'create':
    driver._create_encrypted_volume_file(given['path'], given['size'], encryption, None)
elif given['do'] == 'commit':
    driver._delete = lambda path: None
    driver._img_commit(given['path'], passphrase_file=given['key_file'], backing_file=given['backing'])
elif given['do'] == 'convert':
    # As _copy_volume_from_snapshot does.
    image_utils.convert_image(given['path'], given['to'], 'luks', passphrase_file=given['key_file'],
                              src_passphrase_file=given['key_file'], run_as_root=False)
