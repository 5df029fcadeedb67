"""One resource of every kind. Their pages in the reference show these lines, and plans of it are kept as tests.

`raceday-iac plan` in the folder above shows what would be changed.
"""

from raceday_iac import FromEnvironment, Stack

stack = Stack("everything", timezone="Europe/Berlin")

database = stack.database("shop", name="Shop")

orders = database.collection(
    "orders",
    name="Orders",
    permissions=['create("users")', 'read("team:staff")'],
    document_security=True,
)

orders.string("customer", 36, required=True)
orders.email("email", required=True)
orders.integer("quantity", required=True, min=1, max=100)
orders.float("weight", default=0.5)
orders.enum("status", ["open", "paid", "sent", "returned"], default="open")
orders.string("tags", 20, array=True)
orders.datetime("orderedAt", required=True)

orders.index("by_customer", "customer", "orderedAt", orders=["ASC", "DESC"])

lines = database.collection("lines", name="Lines")

lines.relationship("order", "orders", type="manyToOne", two_way_key="lines")

settings = database.collection("settings", name="Settings")
settings.string("currency", 3, required=True)

settings.document("main", {"currency": "EUR"})

stack.function(
    "checkout",
    name="Checkout",
    runtime="python-3.12",
    specification="s-0.5vcpu-512mb",
    execute=["users"],
    events=["users.*.create"],
    schedule="*/15 8-20 * * 1-5",  # UTC
    timeout=15,  # seconds
    scopes=["documents.read", "documents.write"],
    entrypoint="main.py",
    code="functions/checkout",
    variables={"CURRENCY": "EUR", "PAYMENT_KEY": FromEnvironment("PAYMENT_KEY")},
)

stack.site(
    "front",
    name="Front",
    framework="other",
    build_runtime="static-1",
    adapter="static",
    fallback_file="index.html",
    code="sites/front",
    variables={"SHOP_NAME": "The shop"},
)

stack.bucket(
    "pictures",
    name="Pictures",
    permissions=['read("any")', 'write("team:staff")'],
    maximum_file_size=5_000_000,  # bytes
    allowed_file_extensions=["jpg", "png"],
    compression="gzip",
)

stack.team("staff", name="Staff")

stack.topic("offers", name="Offers", subscribe=["users"])

stack.smtp_provider(
    "mail",
    name="Mail",
    host="smtp.example.org",
    port=465,
    encryption="ssl",
    username="shop",
    password=FromEnvironment("SMTP_PASSWORD"),
    from_name="The shop",
    from_email="shop@example.org",
)

stack.variable("LOG_LEVEL", "info")

stack.web_platform("shop-web", name="Shop", hostname="shop.example.org")

stack.auth_method("magic-url", enabled=False)

stack.service("avatars", enabled=False)

stack.protocol("graphql", enabled=False)

stack.labels(["shop"])

stack.smtp(
    host="smtp.example.org",
    username="shop",
    password=FromEnvironment("SMTP_PASSWORD"),
    sender_email="shop@example.org",
    sender_name="The shop",
)

stack.password_strength_policy(min=12, number=True)

stack.webhook(
    "paid-orders",
    name="Paid orders",
    url="https://shop.example.org/hooks/orders",
    events=["databases.*.collections.*.documents.*.update"],
    secret=FromEnvironment("ORDERS_SIGNATURE"),
)

stack.key("backend", name="Backend", scopes=["users.read"], expire="2027-01-31T00:00:00Z")
stack.mock_phone("+14155550100", otp="123456")

stack.email_template(
    "verification",
    language="en",
    subject="Your address",
    message="<p>Hello {{user}}, <a href='{{redirect}}'>confirm your address</a>.</p>",
)

stack.oauth("github", client_id="e4d87900000000540733", secret=FromEnvironment("GITHUB_SECRET"))

stack.function_rule("checkout.example.org", function="checkout")
