"""An online shop, all of it: data, files, two functions, a site, people, messages, and who may talk to it."""

from raceday_iac import FromEnvironment, Stack

stack = Stack("shop", timezone="Europe/Berlin")

# What is sold, what was ordered, and how the shop is set.

database = stack.database("shop", name="Shop")

products = database.collection("products", name="Products", permissions=['read("any")'])
products.string("name", 100, required=True)
products.enum("category", ["tea", "coffee", "cups"], required=True)
products.integer("priceCents", required=True, min=0)
products.integer("stock", default=0, min=0)
products.index("by_category", "category")

orders = database.collection("orders", name="Orders")
orders.string("product", 36, required=True)
orders.integer("quantity", required=True, min=1, max=100)
orders.integer("totalCents", required=True, min=0)
orders.email("customer", required=True)
orders.datetime("orderedAt", required=True)
orders.enum("status", ["open", "paid", "sent"], default="open")
orders.index("by_time", "orderedAt")

settings = database.collection("settings", name="Settings")
settings.string("currency", 3, required=True)
settings.integer("freeShippingCents")
settings.document("main", {"currency": "EUR", "freeShippingCents": 4000})

# Files.

stack.bucket(
    "pictures",
    name="Pictures",
    permissions=['read("any")', 'write("team:staff")'],
    maximum_file_size=5_000_000,  # bytes
    allowed_file_extensions=["jpg", "png"],
)
stack.bucket("invoices", name="Invoices", permissions=['read("team:staff")'], allowed_file_extensions=["pdf"])

# Code.

stack.function(
    "checkout",
    name="Checkout",
    runtime="node-22",
    specification="s-0.5vcpu-512mb",
    execute=["users"],  # who is logged in
    timeout=15,  # seconds
    scopes=["documents.read", "documents.write"],
    entrypoint="main.js",
    code="functions/checkout",
)
stack.function(
    "daily-report",
    name="Daily report",
    runtime="node-22",
    specification="s-0.5vcpu-512mb",
    schedule="0 5 * * *",  # UTC
    timeout=60,
    scopes=["documents.read"],
    entrypoint="main.js",
    code="functions/daily-report",
)
stack.site(
    "front",
    name="Front",
    framework="other",
    build_runtime="static-1",
    adapter="static",
    fallback_file="index.html",
    code="sites/front",
)

# People, and what they are sent.

stack.team("staff", name="Staff")
stack.topic("offers", name="Offers", subscribe=["users"])
stack.password_strength_policy(min=12, number=True)

# Who may talk to it, and who is called.

stack.web_platform("shop-web", name="Shop", hostname="shop.example.com")
stack.android_platform("shop-app", name="Shop for Android", application_id="com.example.shop")
stack.webhook(
    "new-orders",
    name="New orders",
    url="https://warehouse.example.com/orders",
    events=["databases.*.collections.*.documents.*.create"],
    secret=FromEnvironment("WAREHOUSE_SIGNATURE"),
)
