"""Messages over a socket that parent and child share, apart from stdin, stdout and stderr.

A message is eight fixed bytes, the length of its JSON in eight more (little endian), the JSON, and
the bytes of its tensors. These go from the sender's tensors into the receiver's, with no copy of
the whole between them.
"""

import os
import select
import struct
import time
from typing import Any, Callable, List, Optional, Tuple

from .values import Decoder

_HEAD = struct.Struct("<8sQ")
_MAGIC = b"isolated"
# Seconds between looks at whether the peer has ended. Its end closes the socket and is seen at
# once, unless a process that it started holds the socket too.
_LOOK = 0.1
_SKIPPED_AT_ONCE = 1 << 16


class Closed(Exception):
    """The peer is gone."""


class Expired(Exception):
    """The deadline is over."""


class Channel:
    """One end of the socket.

    Args:
        handle: of the socket.
        ended: says whether the peer has ended.
        deadline: when to give up, by time.monotonic(); it may be changed.
    """

    def __init__(
        self,
        handle: int,
        ended: Callable[[], bool] = lambda: False,
        deadline: Optional[float] = None,
    ) -> None:
        os.set_blocking(handle, False)
        self._handle = handle
        self._ended = ended
        self.deadline = deadline

    def send(self, text: bytes, parts: List[memoryview]) -> None:
        """Sends a message as `values.encode` makes it.

        Raises:
            Closed, Expired: it may have been sent in part.
        """
        self._write(memoryview(_HEAD.pack(_MAGIC, len(text))))
        self._write(memoryview(text))
        for part in parts:
            self._write(part)

    def receive(self) -> Tuple[str, Any]:
        """Waits for a message, and returns its kind and value.

        Raises:
            Closed, Expired: it may have been received in part.
            ValueError: something else wrote to the socket.
            Exception: a tensor could not be made; all of the message has been received.
        """
        magic, length = _HEAD.unpack(self._read_bytes(_HEAD.size))
        if magic != _MAGIC:
            raise ValueError("bytes on the channel between parent and child that are no message")
        decoder = Decoder()
        kind, value = decoder.decode(self._read_bytes(length))
        for count, part in decoder.parts():
            if part is None:
                self._skip(count)
            else:
                self._read(part)
        if decoder.failure is not None:
            raise decoder.failure
        return kind, value

    def wait_for_end(self) -> None:
        """Waits until the peer has ended; what it still sends is thrown away.

        Raises:
            Expired: it has not.
        """
        try:
            while True:
                self._skip(1)
        except Closed:
            pass

    def _write(self, view: memoryview) -> None:
        while len(view):
            try:
                view = view[os.write(self._handle, view) :]
            except BlockingIOError:
                self._wait(select.POLLOUT)
            except ConnectionError:
                raise Closed()

    def _read(self, view: memoryview) -> None:
        while len(view):
            try:
                count = os.readv(self._handle, [view])
            except BlockingIOError:
                self._wait(select.POLLIN)
                continue
            except ConnectionError:
                count = 0
            if not count:
                raise Closed()
            view = view[count:]

    def _read_bytes(self, count: int) -> bytearray:
        content = bytearray(count)
        self._read(memoryview(content))
        return content

    def _skip(self, count: int) -> None:
        while count:
            count -= len(self._read_bytes(min(count, _SKIPPED_AT_ONCE)))

    def _wait(self, event: int) -> None:
        poll = select.poll()
        poll.register(self._handle, event)
        while True:
            seconds = _LOOK
            if self.deadline is not None:
                seconds = min(seconds, self.deadline - time.monotonic())
                if seconds <= 0:
                    raise Expired()
            # What the peer wrote before it ended is there by the time that its end is seen.
            ended = self._ended()
            if poll.poll(0 if ended else seconds * 1000):
                return
            if ended:
                raise Closed()
