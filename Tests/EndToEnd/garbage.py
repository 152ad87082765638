"""Sends what is no message of ours to every socket of a volume's runtime folder: as a writer that publishes garbage, as a
healer that confirms garbage, as somebody who asks garbage. Needs python3-zmq.

    garbage.py FOLDER SEED    until it has sent everything; says how many messages that were
"""
import os
import random
import sys
import uuid

import zmq


def mutations(order, genuine):
    """Garbage of many kinds; where there is a genuine message, cut, torn and flipped copies of it."""
    yield b""
    for length in (1, 15, 16, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255):
        yield order.randbytes(length)
    for message in (each for each in genuine if len(each) > 64):
        for cut in (0, 1, 16, 32, len(message) // 2, len(message) - 1):
            yield message[:cut]
            yield message[:cut] + order.randbytes(len(message) - cut)
        yield message + b"\0"
        for _ in range(64):
            torn = bytearray(message)
            # Behind the topic, so that whoever subscribed gets it.
            torn[order.randrange(min(32, len(torn) - 1), len(torn))] ^= 1 << order.randrange(8)
            yield bytes(torn)
    # Last: whoever sends more than a message can be is cut off.
    yield order.randbytes(4096)
    yield order.randbytes(2 << 20)


def endpoints(folder, ending):
    return ["ipc://" + os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.endswith(ending)]


def main():
    folder, order = sys.argv[1], random.Random(int(sys.argv[2]))
    context = zmq.Context()
    sent = 0
    listeners = [("records", context.socket(zmq.SUB)), ("confirm", context.socket(zmq.SUB))]
    genuine = {}
    for ending, socket in listeners:
        socket.setsockopt(zmq.SUBSCRIBE, b"")
        for endpoint in endpoints(folder, "." + ending):
            socket.connect(endpoint)
        genuine[ending] = []
        while len(genuine[ending]) < 40 and socket.poll(1500):
            genuine[ending].append(socket.recv())
        socket.close()
    # Publishers of our own: both ends watch the folder, and say when they have come.
    bound = []
    for ending in ("records", "confirm"):
        path = os.path.join(folder, "%s.%s" % (uuid.UUID(int=order.getrandbits(128)), ending))
        socket = context.socket(zmq.XPUB)
        socket.setsockopt(zmq.SNDHWM, 0)
        socket.bind("ipc://" + path)
        if socket.poll(5000):
            topics = [socket.recv()[1:]]
            while socket.poll(200):
                topics.append(socket.recv()[1:])
            for message in mutations(order, genuine[ending]):
                for topic in topics[:4]:
                    for each in (message, topic + message):
                        # A heartbeat, the largest record, has 2,176 bytes.
                        if len(each) <= 2176 or len(message) > 2176:
                            socket.send(each)
                            sent += 1
        else:
            print("nobody listens to a new .%s" % ending)
        socket.close(linger=5000)
        bound.append(path)
    # Questions that are none.
    for ending in ("control", "replay"):
        for endpoint in endpoints(folder, "." + ending):
            socket = context.socket(zmq.DEALER)
            socket.connect(endpoint)
            for message in mutations(order, genuine["records"][:4] + [b"\0" * 8 + b'{"status":{}}', b"\0" * 8 + b"{" * 2000]):
                socket.send(message)
                socket.send_multipart([b"", message])
                socket.send_multipart([message] * 5)
                sent += 3
            socket.close(linger=2000)
    # Not before everything is sent: whoever listens lets go of a socket that has no name any more.
    context.term()
    for path in bound:
        if os.path.exists(path):
            os.unlink(path)
    print("%d messages; genuine ones to tear: %s" % (sent, {name: len(all) for name, all in genuine.items()}))


if __name__ == "__main__":
    main()
