import type { components, paths } from './api.js';
import { randomId } from './random.js';
import { backoff, wait } from './timing.js';

type Json = { 'application/json': unknown };
type Post<P extends keyof paths> = paths[P] extends { post: infer Operation } ? Operation : never;

/** The path of a call with a JSON object as its body. */
export type Path = {
  [P in keyof paths]: Post<P> extends { requestBody: { content: Json } } ? P : never;
}[keyof paths];

/** What a call takes. The session's key is added. */
export type Body<P extends Path> =
  Post<P> extends { requestBody: { content: { 'application/json': infer B } } } ? Omit<B, 'session_key'> : never;

type Success<Responses> = {
  [Status in keyof Responses]: Status extends 200 | 201 | 202
    ? Responses[Status] extends { content: { 'application/json': infer Answer } } ? Answer : never
    : never;
}[keyof Responses];

/** What a call returns: the answer's `data`, or the whole answer where it has none. */
export type Result<P extends Path> =
  Post<P> extends { responses: infer Responses } ? Unwrapped<Success<Responses>> : never;
type Unwrapped<Answer> = Answer extends { data: infer Data } ? Data : Answer;

/** A call was refused. `code` is for programs, `message` for people. */
export class ApiError extends Error {
  override name = 'ApiError';
  readonly code: string;
  /** Every wrong field, of `invalid-fields`. */
  readonly fields: components['schemas']['BadField'][];

  constructor(
    readonly status: number,
    /** The whole answer: `suspended`, for one, has `until`. */
    readonly body: Record<string, unknown>,
    /** Milliseconds to wait before the next try; 0 where the answer does not say. */
    readonly retryAfter: number,
  ) {
    super(String(body['detail'] ?? body['error'] ?? `status ${status}`));
    this.code = String(body['code'] ?? `status-${status}`);
    this.fields = (body['fields'] as components['schemas']['BadField'][]) ?? [];
  }
}

/** No answer came: nobody knows whether the call was carried out. */
export class NoAnswer extends Error {
  override name = 'NoAnswer';
}

/** Whether the same call may succeed later. */
export function isPassing(error: unknown): boolean {
  return (
    error instanceof NoAnswer ||
    (error instanceof ApiError && ([429, 502, 503, 504].includes(error.status) || error.code === 'in-progress'))
  );
}

export interface CallOptions {
  /** How often it is tried in all, where no answer comes or a later one may be better. 3 by default. */
  tries?: number;
  /** Its `Idempotency-Key`: a random one by default, so that no try but one is carried out; null for none. */
  idempotencyKey?: string | null;
  /** Another bearer than the session's key, such as the key of an app's server. */
  bearer?: string;
}

export interface Http {
  url: string;
  fetch: typeof fetch;
  /** Milliseconds for one try. */
  timeout: number;
  bearer(): string | null;
}

const LONGEST_WAIT = 30_000;

export class Calls {
  constructor(private http: Http) {}

  /** Makes a call. Throws ApiError where it is refused, NoAnswer where none came to any try. */
  async call<P extends Path>(path: P, body: Body<P>, options: CallOptions = {}): Promise<Result<P>> {
    const answer = await this.send(path, JSON.stringify(body), 'application/json', options);
    return (answer['data'] ?? answer) as Result<P>;
  }

  /** Uploads a picture; returns its `url`, which a profile's `photo` or a text may have. */
  async upload(picture: Blob, options: CallOptions = {}): Promise<string> {
    return String((await this.send('/upload', picture, picture.type || 'application/octet-stream', options))['url']);
  }

  private async send(
    path: string, body: BodyInit, type: string, options: CallOptions,
  ): Promise<Record<string, unknown>> {
    const { tries = 3, idempotencyKey = randomId(), bearer } = options;
    const headers: Record<string, string> = { 'Content-Type': type };
    if (idempotencyKey !== null) headers['Idempotency-Key'] = idempotencyKey;
    for (let failures = 1; ; failures++) {
      // Asked for anew each time: the session may be another one meanwhile.
      const key = bearer ?? this.http.bearer();
      if (key !== null) headers['Authorization'] = `Bearer ${key}`;
      try {
        return await this.once(path, body, headers);
      } catch (error) {
        const pause = error instanceof ApiError ? error.retryAfter : 0;
        if (!isPassing(error) || failures >= tries || pause > LONGEST_WAIT) throw error;
        await wait(Math.max(pause, backoff(failures))).over;
      }
    }
  }

  private async once(path: string, body: BodyInit, headers: HeadersInit): Promise<Record<string, unknown>> {
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), this.http.timeout);
    let response: Response;
    let answer: unknown;
    try {
      response = await this.http.fetch(this.http.url + path, { method: 'POST', body, headers, signal: abort.signal });
      answer = parsed(await response.text());
    } catch (error) {
      throw new NoAnswer(String(error));
    } finally {
      clearTimeout(timer);
    }
    const object = answer !== null && typeof answer === 'object' ? (answer as Record<string, unknown>) : null;
    if (response.ok && object) return object;
    // An answer of 200 that is no object comes from something between: a proxy's page.
    if (response.ok) throw new NoAnswer('the answer is no JSON object');
    const seconds = Number(response.headers.get('Retry-After'));
    throw new ApiError(response.status, object ?? {}, seconds > 0 ? seconds * 1000 : 0);
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
