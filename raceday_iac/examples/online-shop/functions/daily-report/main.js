// Says how much was ordered since yesterday.
const ORDERS = `${process.env.APPWRITE_FUNCTION_API_ENDPOINT}/databases/shop/collections/orders/documents`;

module.exports = async ({ req, res, log }) => {
  const since = new Date(Date.now() - 24 * 60 * 60 * 1000).toISOString();
  const queries = [
    { method: "greaterThan", attribute: "orderedAt", values: [since] },
    { method: "limit", values: [1000] },
  ];
  const asked = queries.map((each) => `queries[]=${encodeURIComponent(JSON.stringify(each))}`).join("&");
  const answer = await fetch(`${ORDERS}?${asked}`, {
    headers: {
      "x-appwrite-project": process.env.APPWRITE_FUNCTION_PROJECT_ID,
      "x-appwrite-key": req.headers["x-appwrite-key"],
    },
  });
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
  const { total, documents } = await answer.json();
  const cents = documents.reduce((sum, each) => sum + each.totalCents, 0);
  log(`${total} orders, ${cents} cents`);
  return res.json({ orders: total, totalCents: cents });
};
