export interface Fault {
  field: string;
  message: string;
}

interface At {
  position?: number;
  length?: number;
  line?: number;
  type?: string;
  faults?: Fault[];
}

// Problem is an error answer of the API (RFC 9457), or the absence of any answer (status 0).
export class Problem extends Error {
  readonly status: number;
  // position and length name the part of a search that could not be understood: bytes of its UTF-8 text.
  readonly position: number | undefined;
  readonly length: number | undefined;
  // type is a URN where the page can answer by a step of its own (RFC 9457).
  readonly type: string | undefined;
  // line is where a policy could not be understood, from 1.
  readonly line: number | undefined;
  // faults name what is at fault: members of the body alone, such as "statements.classes", all else with its place,
  // such as "query.limit". What is wrong with the body as a whole has no name.
  readonly faults: Fault[];

  constructor(status: number, detail: string, at?: At) {
    super(detail);
    this.name = 'Problem';
    this.status = status;
    this.position = at?.position;
    this.length = at?.length;
    this.type = at?.type;
    this.line = at?.line;
    this.faults = at?.faults ?? [];
  }
}

export type Params = Record<string, string | number | undefined>;

interface Options {
  params?: Params;
  body?: unknown;
  signal?: AbortSignal;
  // match is the revision that the object must still have.
  match?: string;
}

// revisions are what the server said of objects that it keeps by name, by the objects as they were read.
const revisions = new WeakMap<object, string>();

export const revisionOf = (object: object): string | undefined => revisions.get(object);

export const API = '/api/v1';

// apiPath is the path below the API's root with its query string; undefined and empty parameters are left out.
export function apiPath(path: string, params: Params = {}): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(params)) {
    if (value !== undefined && value !== '') search.set(key, String(value));
  }
  const query = search.toString();
  return API + path + (query ? `?${query}` : '');
}

// request calls the API as the signed-in person. It throws a Problem for every answer that is not a success.
export async function request<T>(method: string, path: string, options: Options = {}): Promise<T> {
  const headers: Record<string, string> = { Accept: 'application/json' };
  if (method !== 'GET') headers['X-Sallyport'] = '1';
  if (options.body !== undefined) headers['Content-Type'] = 'application/json';
  if (options.match !== undefined) headers['If-Match'] = options.match;

  let response: Response;
  try {
    response = await fetch(apiPath(path, options.params), {
      method,
      headers,
      credentials: 'same-origin',
      body: options.body === undefined ? undefined : JSON.stringify(options.body),
      signal: options.signal,
    });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Problem(0, 'The server cannot be reached. Is sally server running?');
  }
  if (!response.ok) throw await problemOf(response);
  if (response.status === 204) return undefined as T;
  const answer = (await response.json()) as T;
  const revision = response.headers.get('ETag');
  if (revision && typeof answer === 'object' && answer !== null) revisions.set(answer, revision);
  return answer;
}

async function problemOf(response: Response): Promise<Problem> {
  const fallback = `The server answered ${response.status} ${response.statusText}`.trim() + '.';
  try {
    const body = (await response.json()) as Record<string, unknown>;
    const text = [body.detail, body.title].find((part) => typeof part === 'string' && part !== '');
    return new Problem(response.status, typeof text === 'string' ? text : fallback, {
      position: typeof body.position === 'number' ? body.position : undefined,
      length: typeof body.length === 'number' ? body.length : undefined,
      line: typeof body.line === 'number' ? body.line : undefined,
      type: typeof body.type === 'string' ? body.type : undefined,
      faults: faultsOf(body.errors),
    });
  } catch {
    return new Problem(response.status, fallback);
  }
}

// faultsOf reads a problem's errors; locations look like "body.when[0].from", "query.limit" or "body".
export function faultsOf(errors: unknown): Fault[] {
  if (!Array.isArray(errors)) return [];
  return errors.flatMap((error: unknown) => {
    const { location, message } = (error ?? {}) as Record<string, unknown>;
    if (typeof message !== 'string') return [];
    return [{ field: typeof location === 'string' ? location.replace(/^body(\.|$)/, '') : '', message }];
  });
}

// requestAll reads a list to its end, page by page.
export async function requestAll<T>(path: string, signal: AbortSignal, params: Params = {}): Promise<{ items: T[] }> {
  const items: T[] = [];
  let cursor: string | undefined;
  do {
    const page: { items: T[] | null; next?: string; revisions?: string[] } = await request('GET', path, { params: { ...params, cursor }, signal });
    items.push(...(page.items ?? []));
    page.items?.forEach((item, i) => {
      const revision = page.revisions?.[i];
      if (revision && typeof item === 'object' && item !== null) revisions.set(item, revision);
    });
    cursor = page.next;
  } while (cursor);
  return { items };
}
