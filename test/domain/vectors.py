"""Computes the hard-coded values of vectors.test.ts: python3 test/domain/vectors.py

It uses no code of the product. UUIDv5, SHA-256 and HMAC are the standard library's, and the keys are
written by hand: parts joined by colons, each percent-encoded, alternatives tagged.
"""
import hashlib
import hmac
import json
import uuid

NAMESPACE = uuid.UUID("6f1c5a0e-3b52-5c7e-9d4a-7a2f4e0b8c11")


def v5(name):
    return str(uuid.uuid5(NAMESPACE, name))


def stream(category, user, key):
    return f"tocsin.{category}-{v5(user)[:2]}-{v5(key)}"


for user in ["1", "42", "042", "9007199254740991", "ada.l@example.org", "zoe_9"]:
    print("share", user, v5(user)[:2])

SCOPES = {
    "target": "42:important_urgent_task:t=task_pool:7:w=1777514400000",
    "target, mock": "42:important_urgent_task:t=task_pool:7:w=1777550400000:m=mock",
    "target, opaque ids": "ada.l@example.org:important_urgent_task:t=task_item:note-7:w=1777514400000",
    "feedback": "42:unfinished_feedback:f=fb-1",
    "feedback, odd": "42:unfinished_feedback:f=fb%3A%2531%20%E5%8F%8D",
    "feedback, mock": "42:unfinished_feedback:f=fb-1:m=mock",
    "feedback by key": "42:unfinished_feedback:k=fb-1",
    "feedback by target": "42:unfinished_feedback:t=schedule_event:7:w=1777514400000",
}
for name, key in SCOPES.items():
    print("scope", name, stream("trigger", key.split(":")[0], key))
print("idempotency", stream("idempotency", "42", "42:important_urgent_task:k=order%3A1"))

print("channel", stream("channel", "42", "42:feishu"))
print("channel", stream("channel", "ada.l@example.org", "ada.l@example.org:webhook"))

COMMAND = "11111111-1111-4111-8111-111111111111"
TRIGGER = stream("trigger", "42", SCOPES["target"])
events = [v5(f"event:{COMMAND}:{TRIGGER}:{index}") for index in range(3)]
messages = [
    v5(f"message:{events[0]}:active_schedule.triggered"),
    v5(f"message:{events[2]}:notification.requested"),
]
print("events", *events)
print("messages", *messages)
print("trigger id", "ast_" + TRIGGER.split("-", 1)[1].replace("-", "") + "_1")

# RFC 8785 for this request: keys sorted, no spaces, UTF-8, numbers as ECMAScript writes them (1e+21).
REQUEST = {
    "userId": 42, "triggerType": "important_urgent_task", "source": "api_trigger",
    "targetType": "task_pool", "targetId": 7, "requestedAt": "2026-04-30T10:17:42+08:00",
    "idempotencyKey": "order:1", "payload": {"b": 1, "a": "é\n€", "B": [True, None, 1e21]},
}
canonical = json.dumps(REQUEST, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
SALT = "c2FsdC1vZi0xNi1ieXRlcw"


def salted(text):
    return hmac.new(SALT.encode(), text.encode(), hashlib.sha256).hexdigest()


request_hash = salted(canonical)
print("request hash", request_hash)
print("keyed command", v5(f"command:42:important_urgent_task:order%3A1:{request_hash}"))

PREVIEW = "asp_22626ea8e643a55e3abc19cb2c85142695_1"
BODY = {"candidateId": "notify_only:no_free_slot:7", "idempotencyKey": "yes:1"}
EDITED = {**BODY, "editedChanges": [{"changeId": "c", "startAt": "2026-04-30T10:00:00Z"}]}
for key, body in [("yes:1", BODY), ("yes:1", EDITED), ("", None)]:
    body_hash = salted(json.dumps(body, sort_keys=True, separators=(",", ":")))
    apply = hashlib.sha256(f"{PREVIEW}\n{key}\n{body_hash}".encode()).hexdigest()
    print("apply", f"asap_{apply[:24]}")

# A leaf: 0x00 and the canonical JSON of the event, with the salted hash in place of the personal part.
PERSONAL = salted('{"payload":{"title":"Essay"}}')
EVENT = {
    "id": events[0], "stream": TRIGGER, "revision": "3", "type": "TriggerRaised",
    "metadata": {"recordedAt": "2026-04-30T02:17:43.005Z"},
}
BOX = "AAECAwQFBgcICQoLPCCmeryJrXrpY63wk50RGe+zpQ7SPiwPWR7H+GDuof0/j2kzHrU7jvFA+NRL"
SEAL = {"user": "42", "key": COMMAND, "box": hashlib.sha256(BOX.encode()).hexdigest()}
print("personal", PERSONAL)
for personal in [{"hash": PERSONAL}, {"hash": PERSONAL, "sealed": SEAL}]:
    event = {**EVENT, "data": {"personal": personal, "userId": "42"}}
    text = json.dumps(event, sort_keys=True, separators=(",", ":"))
    print("leaf", hashlib.sha256(b"\0" + text.encode()).hexdigest())

digest = "0" * 64
for message in messages:
    digest = hashlib.sha256((digest + message).encode()).hexdigest()
    print("digest", digest)
