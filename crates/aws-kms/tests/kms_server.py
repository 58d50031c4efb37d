"""moto's KMS with digests: by itself it signs the message as it is, whatever its type, so it is told to take what comes for a digest."""

import sys

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from moto.kms import utils
from moto.server import main


class Digests:
    """A private key that signs digests."""

    def __init__(self, key):
        self.key = key

    def __getattr__(self, name):
        return getattr(self.key, name)

    def sign(self, message, *how):
        if len(how) == 1:
            return self.key.sign(message, ec.ECDSA(Prehashed(how[0].algorithm)))
        return self.key.sign(message, how[0], Prehashed(how[1]))


def signing_digests(made_by):
    def make(self, *arguments, **named):
        made_by(self, *arguments, **named)
        self.private_key = Digests(self.private_key)

    return make


for kind in (utils.RSAPrivateKey, utils.ECDSAPrivateKey):
    kind.__init__ = signing_digests(kind.__init__)
main(sys.argv[1:])
