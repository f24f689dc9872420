/**
 * mask: find and mask what identifies a person, before a text leaves the house.
 *
 * By form and by check digit, not by a model: it says what it found and where,
 * and the same text gives the same answer. Card numbers are checked by Luhn's
 * algorithm (ISO/IEC 7812-1), IBANs by MOD 97-10 (ISO 7064), so that an order
 * number is not taken for either. Names and addresses are not found.
 */
import { Invalid, Service } from "../../sdk/node/aictl-plugin.mjs";

export function luhn(text) {
  const digits = text.replace(/\D/g, "");
  if (digits.length < 13 || digits.length > 19 || /^(\d)\1*$/.test(digits)) return false;
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    let d = Number(digits[digits.length - 1 - i]);
    if (i % 2 && (d *= 2) > 9) d -= 9;
    sum += d;
  }
  return sum % 10 === 0;
}

export function iban(text) {
  const flat = text.replace(/\s/g, "").toUpperCase();
  if (flat.length < 15 || flat.length > 34) return false;
  let rest = 0;
  for (const c of flat.slice(4) + flat.slice(0, 4)) {
    for (const d of parseInt(c, 36).toString()) rest = (rest * 10 + Number(d)) % 97;
  }
  return rest === 1;
}

const octet = "(?:25[0-5]|2[0-4]\\d|1?\\d?\\d)";
// The order decides where two overlap: the more certain comes first.
const kinds = [
  { kind: "key", find: /\b(?:AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36,}|aictl_[A-Za-z0-9_-]{20,}|xox[abprs]-[A-Za-z0-9-]{10,})\b|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}/g },
  { kind: "email", find: /[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}/g },
  { kind: "iban", find: /\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{2,4}){3,8}\b/g, check: iban },
  { kind: "card", find: /\b\d(?:[ -]?\d){12,18}\b/g, check: luhn },
  { kind: "ip", find: new RegExp(`(?<![\\d.])${octet}(?:\\.${octet}){3}(?![\\d.])`, "g") },
  { kind: "phone", find: /(?<![\w.])\+\d(?:[ ()/.-]{0,2}\d){7,14}(?!\w)/g },
];
const names = kinds.map((k) => k.kind);

/** All findings of a text, in their order, none inside another. */
export function scan(text, wanted = names) {
  const found = [];
  for (const { kind, find, check } of kinds) {
    if (!wanted.includes(kind)) continue;
    for (const m of text.matchAll(find)) {
      const start = m.index, end = start + m[0].length;
      if ((check && !check(m[0])) || found.some((f) => start < f.end && f.start < end)) continue;
      found.push({ kind, start, end });
    }
  }
  return found.sort((a, b) => a.start - b.start);
}

function masked(text, found) {
  let out = "", at = 0;
  for (const f of found) {
    out += `${text.slice(at, f.start)}[${f.kind}]`;
    at = f.end;
  }
  return out + text.slice(at);
}

function read(data) {
  if (typeof data?.text !== "string") throw new Invalid('text is missing: send {"text": "…"}');
  const wanted = data.kinds ?? names;
  if (!Array.isArray(wanted)) throw new Invalid(`kinds is no list; there are ${names.join(", ")}`);
  const unknown = wanted.find((k) => !names.includes(k));
  if (unknown !== undefined) throw new Invalid(`there is no kind ${JSON.stringify(unknown)}; there are ${names.join(", ")}`);
  return [data.text, wanted];
}

const service = new Service();

service.operation("text", (data) => {
  const [text, wanted] = read(data);
  const findings = scan(text, wanted);
  return { text: masked(text, findings), findings };
});

service.operation("lines", async function* (data, call) {
  const [text, wanted] = read(data);
  let line = 0;
  for (const one of text.split(/\r?\n/)) {
    if (call.signal.aborted) return;
    const findings = scan(one, wanted);
    yield { line: ++line, text: masked(one, findings), findings };
    if (line % 1000 === 0) await new Promise((next) => setImmediate(next)); // let /readyz answer
  }
});

service.run();
