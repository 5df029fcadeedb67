"""Mistakes that a type checker finds before a stack is ever loaded. Each line says with a comment what it must find."""

from __future__ import annotations

from raceday_iac.model.stack import Lock, Stack

stack = Stack("mistakes")
stack.function("f", name="F", runtime="python-3.12", specification="s", entrypoint="main.py")  # error: "timeout"
stack.function(
    "f",
    name="F",
    runtime="python-3.12",
    specification="s",
    entrypoint="main.py",
    timeout="60",  # error: "timeout"
    scopes=[1],  # error: "int"
)
stack.database("d", nam="D")  # error: "nam"
stack.database("d", name="D", colour="red")  # error: "colour"
database = stack.database("d", name="D", enabled="yes")  # error: "enabled"
collection = database.collection("c", name="C", permissions=5)  # error: "permissions"
database.string("a", 5)  # error: "string"
collection.string("a")  # error: Too few arguments
collection.string("a", "5")  # error: "str"
collection.string("a", 5, min=1)  # error: "min"
collection.integer("a", default="1")  # error: "default"
collection.boolean("a", default="yes")  # error: "default"
collection.enum("a", elements=5)  # error: "elements"
collection.point("a", array=True)  # error: "array"
collection.relationship("a", "c", type="oneToFive")  # error: "type"
collection.index("i", "a", type="sorted")  # error: "type"
collection.index("i", "a", orders=["UP"])  # error: "Literal
stack.auth_method("magic", enabled=True)  # error: Literal['magic']
stack.service("avatars", enable=False)  # error: "enable"
stack.password_strength_policy(min="8")  # error: "min"
stack.session_limit_policy()  # error: "total"
stack.labels("races", "live")  # error: Too many
stack.email_template("verification", language="klingon", subject="S", message="M")  # error: "language"
stack.oauth("github", client_id="c")  # error: "secret"
Lock("l", stale_after="5", heartbeat=1, expiry=9)  # error: "stale_after"
# Right, and so without a word.
stack.function("g", name="G", runtime="python-3.12", specification="s", entrypoint="main.py", timeout=60, schema="d")
collection.string("b", 5, required=True, array=True, encrypt=False)
collection.index("j", "a", "b", type="unique", orders=["ASC", "DESC"], lengths=[5, 0])
