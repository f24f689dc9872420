/**
 * profile: what is in a table, before anybody trains on it.
 *
 * It takes CSV (RFC 4180) or rows, and says of each column its type, what is
 * missing, its spread and its commonest values, and which values lie outside
 * of Tukey's fences (Tukey, "Exploratory Data Analysis", 1977: 1.5 times the
 * interquartile range beyond the quartiles). Quantiles are exact, by linear
 * interpolation (type 7 of Hyndman and Fan, 1996). Everything is in memory.
 */
import { Invalid, Service } from "../../sdk/deno/mod.ts";

type Cell = string | number | boolean | null | undefined;
const MAX_COLUMNS = 2000;
const MISSING = new Set(["", "na", "n/a", "nan", "null", "none", "-"]);
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const TIME = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?$/;

/** Split CSV into records, quotes and line breaks inside of them included. */
export function parse(csv: string, comma = ","): string[][] {
  const rows: string[][] = [];
  let row: string[] = [], cell = "", quoted = false, i = csv.charCodeAt(0) === 0xfeff ? 1 : 0;
  const endRow = () => {
    row.push(cell);
    if (row.length > 1 || row[0] !== "") rows.push(row);
    row = [], cell = "";
  };
  for (; i < csv.length; i++) {
    const c = csv[i];
    if (quoted) {
      if (c !== '"') cell += c;
      else if (csv[i + 1] === '"') cell += csv[++i];
      else quoted = false;
    } else if (c === '"' && cell === "") quoted = true;
    else if (c === comma) row.push(cell), cell = "";
    else if (c === "\n") endRow();
    else if (c !== "\r" || csv[i + 1] !== "\n") cell += c;
  }
  if (quoted) throw new Invalid(`a quote is open at the end of the CSV, in row ${rows.length + 1}`);
  if (cell !== "" || row.length) endRow();
  return rows;
}

const missing = (v: Cell) => v === null || v === undefined || (typeof v === "string" && MISSING.has(v.trim().toLowerCase()));

function kindOf(v: Cell): "number" | "boolean" | "time" | "text" {
  if (typeof v === "number") return "number";
  if (typeof v === "boolean") return "boolean";
  const t = String(v).trim();
  if (NUMBER.test(t)) return "number";
  if (/^(true|false|yes|no)$/i.test(t)) return "boolean";
  return TIME.test(t) && !Number.isNaN(Date.parse(t)) ? "time" : "text";
}

export function quantile(sorted: Float64Array, p: number): number {
  const at = (sorted.length - 1) * p, low = Math.floor(at);
  return sorted[low] + (at - low) * ((sorted[low + 1] ?? sorted[low]) - sorted[low]);
}

function column(name: string, cells: Cell[]) {
  const counts = new Map<string, number>(), kinds = new Map<string, number>();
  const present = cells.filter((v) => !missing(v));
  for (const v of present) {
    const key = String(v).trim(), kind = kindOf(v);
    counts.set(key, (counts.get(key) ?? 0) + 1);
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  const order = [...kinds].sort((a, b) => b[1] - a[1]);
  // A column is of a type when 95 in 100 of its values are: the rest is named.
  const [type, n] = order[0] ?? ["empty", 0];
  const settled = n >= 0.95 * present.length ? type : "mixed";
  const findings: string[] = [];
  const lost = cells.length - present.length;
  if (!present.length) findings.push("no values");
  else if (lost / cells.length > 0.2) findings.push(`${Math.round(100 * lost / cells.length)}% is missing`);
  if (settled === "mixed") findings.push(`mixed: ${order.map(([k, c]) => `${c} ${k}`).join(", ")}`);
  else if (n < present.length) findings.push(`${present.length - n} of ${present.length} values are no ${type}`);
  if (present.length > 1 && counts.size === 1) findings.push("constant");
  if (present.length > 20 && counts.size === present.length && settled === "text") findings.push("unique: an identifier?");
  return {
    name,
    type: settled,
    count: present.length,
    missing: lost,
    distinct: counts.size,
    top: [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, 5)
      .map(([value, count]) => ({ value: value.slice(0, 200), count })),
    ...(settled === "number" && { numbers: spread(present, findings) }),
    findings,
  };
}

function spread(present: Cell[], findings: string[]) {
  const sorted = Float64Array.from(present.filter((v) => kindOf(v) === "number").map(Number)).sort();
  const mean = sorted.reduce((a, b) => a + b, 0) / sorted.length;
  const variance = sorted.reduce((a, b) => a + (b - mean) ** 2, 0) / Math.max(1, sorted.length - 1);
  const [q1, median, q3] = [0.25, 0.5, 0.75].map((p) => quantile(sorted, p));
  const low = q1 - 1.5 * (q3 - q1), high = q3 + 1.5 * (q3 - q1);
  const outliers = sorted.filter((v) => v < low || v > high);
  if (outliers.length) findings.push(`${outliers.length} outside of ${+low.toPrecision(6)} to ${+high.toPrecision(6)}`);
  return {
    min: sorted[0], q1, median, q3, max: sorted[sorted.length - 1], mean, deviation: Math.sqrt(variance), outliers: outliers.length,
  };
}

function table(data: { csv?: unknown; rows?: unknown; comma?: unknown }): { names: string[]; cells: (name: number) => Cell[]; rows: number } {
  if (typeof data.csv === "string") {
    const [header, ...rows] = parse(data.csv, typeof data.comma === "string" && data.comma.length === 1 ? data.comma : ",");
    if (!header) throw new Invalid("the CSV is empty");
    const odd = rows.findIndex((r) => r.length !== header.length);
    if (odd >= 0) throw new Invalid(`record ${odd + 2} has ${rows[odd].length} fields, and the header ${header.length}`);
    return { names: header, cells: (i) => rows.map((r) => r[i]), rows: rows.length };
  }
  if (Array.isArray(data.rows) && data.rows.every((r) => r !== null && typeof r === "object" && !Array.isArray(r))) {
    const rows = data.rows as Record<string, unknown>[];
    const names = [...new Set(rows.flatMap((r) => Object.keys(r)))];
    const flat = (v: unknown): Cell => v !== null && typeof v === "object" ? JSON.stringify(v) : v as Cell;
    return { names, cells: (i) => rows.map((r) => flat(r[names[i]])), rows: rows.length };
  }
  throw new Invalid('send {"csv": "a,b\\n1,2"} or {"rows": [{"a": 1}]}');
}

function* columns(data: Parameters<typeof table>[0]) {
  const t = table(data);
  if (t.names.length > MAX_COLUMNS) throw new Invalid(`${t.names.length} columns; ${MAX_COLUMNS} at most can be profiled`);
  for (let i = 0; i < t.names.length; i++) yield column(t.names[i], t.cells(i));
}

new Service()
  .operation("table", (data: Parameters<typeof table>[0]) => ({ rows: table(data).rows, columns: [...columns(data)] }))
  .operation("columns", columns)
  .run();
