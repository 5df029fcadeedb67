"""The legacy tree: the real `package.json` and `appwrite.json`, and every other file of `tree.txt` made up."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from raceday_iac.raceday.cleanup import Tree

DATA = Path(__file__).parents[3] / "data" / "legacy"

MEETINGS = """\
import { Client, Databases } from 'node-appwrite';
import { fetchRacingData } from './api-client.js';
import { ensureDatabaseSetup } from './database-setup.js';
import { processMeetings } from './data-processors.js';
// import { old } from './gone-long-ago.js';

export default async function main(context) {
  const databases = new Databases(new Client());
  await ensureDatabaseSetup(databases, context);
  await processMeetings(databases, await fetchRacingData(), context);
}
"""
DEPLOY = """\
// Deploys one function: node scripts/deploy.js race-data-poller
const available = [
  'daily-meetings',
  'daily-races',
  'race-data-poller',
  'single-race-poller',
  'batch-race-poller',
  'daily-initial-data',
  'meeting-status-poller',
  'enhanced-race-poller',
  'master-race-scheduler'
];
const target = process.argv[2];
if (!available.includes(target)) {
  console.log('Usage: npm run deploy:meetings');
  console.log('       npm run deploy:poller');
  process.exit(1);
}
"""
RUN = """\
const name = process.argv[2];
if (!name) {
  console.log(`
Usage: node scripts/run-function.js FUNCTION
  daily-meetings
  race-data-poller
  enhanced-race-poller, batch-race-poller
`);
  process.exit(1);
}
if (name === 'single-race-poller') console.log('needs a race');
"""
CONTENTS = {
    "daily-meetings/src/main.js": MEETINGS,
    "daily-meetings/src/database-setup.js": "export async function ensureDatabaseSetup(databases, context) {}\n",
    "scripts/deploy.js": DEPLOY,
    "scripts/run-function.js": RUN,
    "scripts/get-test-race-ids.js": "console.log('Then: npm run batch-race-poller');\n",
    "enhanced-race-poller/package.json": '{\n  "description": "Follows batch-race-poller, and polls"\n}\n',
    "enhanced-race-poller/src/main.js": "// Like batch-race-poller, see test-batch-race-poller.js\nexport {};\n",
    ".env.example": "APPWRITE_ENDPOINT=\n",
}


def files() -> dict[str, bytes]:
    """Every file of the legacy tree, without `server/`."""
    paths = [line.removeprefix("server/") for line in (DATA / "tree.txt").read_text().split()]
    made_up = {path: _content(path).encode() for path in paths}
    real = {name: (DATA / name).read_bytes() for name in ("appwrite.json", "package.json")}
    return {**made_up, **real}


def tree(changed: Mapping[str, str | bytes | None] = MappingProxyType({})) -> Tree:
    """The legacy tree, with some files changed or added, and others (None) taken away."""
    result: dict[str, bytes | None] = {**files()}
    for path, content in changed.items():
        result.pop(path, None)
        if content is not None:
            result[path] = content.encode() if isinstance(content, str) else content
    return Tree(result)


def written(folder: Path) -> Path:
    """The legacy tree in a folder."""
    for path, content in files().items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return folder


def _content(path: str) -> str:
    if path in CONTENTS:
        return CONTENTS[path]
    if path.endswith(".json"):
        return "{}\n"
    return "# A function\n" if path.endswith(".md") else "export {};\n"
