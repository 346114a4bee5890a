// A search as a person types it is a list of units: user:ali*, -class:read, "refund", (a or b). The server alone says
// what a search means (audit/query); here it is only cut up, by the same rules, so that pages can show and change it.

export interface Unit {
  // kind is term for a word, phrase or field; group for what parentheses hold; or and and for these words.
  kind: 'term' | 'group' | 'or' | 'and';
  // text is the unit as typed, sign and quotes included.
  text: string;
  negated: boolean;
  // field is empty for a word, a phrase or a group.
  field: string;
  // values are what the field is to be, without their quotes; of a word or phrase, itself.
  values: string[];
}

export interface Units {
  units: Unit[];
  // broken says that parentheses do not match: units then have only the part that could be cut.
  broken: boolean;
}

// MAX_LENGTH bounds what is cut up, in characters; the server refuses longer searches.
const MAX_LENGTH = 16_384;

const SPACE = /\s/;
const FIELD = /^([a-z_]+):/i;
const JOINING = /^(or|and)$/i;

// units cuts a search into its units, outermost level only.
export function units(query: string): Units {
  const reader = new Reader(query.slice(0, MAX_LENGTH));
  const found: Unit[] = [];
  for (reader.space(); !reader.ended; reader.space()) {
    const unit = reader.unit();
    if (!unit) return { units: found, broken: true };
    found.push(unit);
  }
  return { units: found, broken: query.length > MAX_LENGTH };
}

class Reader {
  private at = 0;
  private readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  get ended() {
    return this.at >= this.text.length;
  }

  space() {
    while (!this.ended && SPACE.test(this.next)) this.at++;
  }

  // unit reads one unit with its signs; undefined when a parenthesis has no other.
  unit(): Unit | undefined {
    const start = this.at;
    let negated = false;
    while (this.sign()) negated = !negated;
    const rest = this.bareUnit();
    return rest && { ...rest, negated, text: this.text.slice(start, this.at) };
  }

  private get next() {
    return this.text.charAt(this.at);
  }

  // sign takes a minus, or the word not with a unit after it.
  private sign(): boolean {
    const rest = this.text.slice(this.at);
    const minus = /^-(?=[^-)\s])/.exec(rest) ?? /^not(?:\s+(?=[^\s)])|(?=[("]))/i.exec(rest);
    if (!minus) return false;
    this.at += minus[0].length;
    return true;
  }

  private bareUnit(): Omit<Unit, 'text' | 'negated'> | undefined {
    if (this.next === ')') return undefined;
    if (this.next === '(') return this.group() ? { kind: 'group', field: '', values: [] } : undefined;
    if (this.next === '"') return { kind: 'term', field: '', values: [this.quoted()] };
    const name = FIELD.exec(this.text.slice(this.at))?.[1];
    if (name) return this.field(name);
    const word = this.bare(/[\s"()]/);
    const joining = JOINING.exec(word)?.[1]?.toLowerCase();
    return { kind: joining === 'or' || joining === 'and' ? joining : 'term', field: '', values: [word] };
  }

  private field(name: string): Omit<Unit, 'text' | 'negated'> {
    this.at += name.length + 1;
    const values: string[] = [];
    do values.push(this.next === '"' ? this.quoted() : this.bare(/[\s"(),]/));
    while (this.next === ',' && ++this.at);
    if (values.length === 1 && !values[0]) return { kind: 'term', field: '', values: [`${name}:`] };
    return { kind: 'term', field: name.toLowerCase(), values };
  }

  private bare(stop: RegExp): string {
    const start = this.at;
    while (!this.ended && !stop.test(this.next)) this.at++;
    return this.text.slice(start, this.at);
  }

  // quoted reads a string in quotes; one that never closes reaches to the end.
  private quoted(): string {
    const start = ++this.at;
    while (!this.ended && this.next !== '"') this.at += this.next === '\\' && /["\\]/.test(this.text.charAt(this.at + 1)) ? 2 : 1;
    const value = this.text.slice(start, this.at);
    this.at++;
    return value.replace(/\\(["\\])/g, '$1');
  }

  // group passes over parentheses and what they hold; false when they do not close.
  private group(): boolean {
    let depth = 0;
    while (!this.ended) {
      if (this.next === '"') {
        this.quoted();
        continue;
      }
      if (this.next === '(') depth++;
      if (this.next === ')') depth--;
      this.at++;
      if (depth === 0) return true;
    }
    return false;
  }
}
