# SPDX-License-Identifier: GPL-2.0-only
"""SSH host keys for the guests, derived from a name so that images are the same every time.

These are keys for tests: anyone can compute them. They guard nothing, the server listens on the
loopback interface of an emulated PC. Ed25519 after RFC 8032 section 5.1.5; only the public key is
computed here, the server signs. The file formats are dropbear's (dropbear, signkey.c) and OpenSSH's
(openssh, PROTOCOL.key).
"""

import base64
import hashlib
import struct

P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P
SQRT_MINUS_1 = pow(2, (P - 1) // 4, P)

Point = tuple[int, int, int, int]  # extended homogeneous coordinates X, Y, Z, T


KIND = b"ssh-ed25519"


def dropbear_key(name: str) -> bytes:
    """An ed25519 host key file as dropbear reads it."""
    seed = _seed(name)
    return _string(KIND) + _string(seed + public_key(seed))


def openssh_key(name: str) -> bytes:
    """An ed25519 host key file as OpenSSH reads it, without a pass phrase."""
    seed = _seed(name)
    public = public_key(seed)
    check = bytes(4)  # twice the same number, by which a wrong pass phrase is noticed
    private = check * 2 + _string(KIND) + _string(public) + _string(seed + public) + _string(b"")
    private += bytes(range(1, 1 + -len(private) % 8))
    key = b"openssh-key-v1\0" + _string(b"none") + _string(b"none") + _string(b"")
    key += struct.pack(">I", 1) + _string(_string(KIND) + _string(public)) + _string(private)
    text = base64.b64encode(key).decode()
    lines = [text[start : start + 70] for start in range(0, len(text), 70)]
    begin, end = ("-----" + word + " OPENSSH PRIVATE KEY-----" for word in ("BEGIN", "END"))
    return "".join(line + "\n" for line in (begin, *lines, end)).encode()


def openssh_public_key(name: str) -> bytes:
    blob = _string(KIND) + _string(public_key(_seed(name)))
    return KIND + b" " + base64.b64encode(blob) + b" " + name.encode() + b"\n"


def _seed(name: str) -> bytes:
    return hashlib.sha256(b"mintsim test host key: " + name.encode()).digest()


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def public_key(seed: bytes) -> bytes:
    scalar = int.from_bytes(hashlib.sha512(seed).digest()[:32], "little")
    scalar &= (1 << 254) - 8
    scalar |= 1 << 254
    x, y, z, _ = _multiply(scalar, _base_point())
    inverse = pow(z, -1, P)
    x, y = x * inverse % P, y * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _base_point() -> Point:
    y = 4 * pow(5, -1, P) % P
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * SQRT_MINUS_1 % P
    if x & 1:
        x = P - x
    return x, y, 1, x * y % P


def _add(left: Point, right: Point) -> Point:
    a = (left[1] - left[0]) * (right[1] - right[0]) % P
    b = (left[1] + left[0]) * (right[1] + right[0]) % P
    c = 2 * left[3] * right[3] * D % P
    d = 2 * left[2] * right[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _multiply(scalar: int, point: Point) -> Point:
    result: Point = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            result = _add(result, point)
        point = _add(point, point)
        scalar >>= 1
    return result
