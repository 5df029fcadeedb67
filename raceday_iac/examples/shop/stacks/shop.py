"""A small shop: what it sells, what was ordered, its pictures, its staff, two functions, and a page."""

from raceday_iac import Stack

stack = Stack("shop", timezone="Europe/Berlin")

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

stack.bucket("pictures", name="Pictures", permissions=['read("any")', 'write("team:staff")'])
stack.team("staff", name="Staff")

stack.function(
    "checkout",
    name="Checkout",
    runtime="python-3.12",
    specification="s-0.5vcpu-512mb",
    execute=["users"],  # who is logged in
    timeout=15,  # seconds
    scopes=["documents.read", "documents.write"],
    entrypoint="main.py",
    code="functions/checkout",
    variables={"CURRENCY": "EUR"},
)

stack.function(
    "daily-report",
    name="Daily report",
    runtime="python-3.12",
    specification="s-0.5vcpu-512mb",
    schedule="0 5 * * *",  # UTC
    timeout=60,
    scopes=["documents.read"],
    entrypoint="main.py",
    code="functions/daily-report",
)

stack.site(
    "front",
    name="Front",
    framework="other",
    build_runtime="static-1",  # nothing is built: the files are served as they are
    adapter="static",
    fallback_file="index.html",
    code="sites/front",
)
