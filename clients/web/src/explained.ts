import { ApiError, NoAnswer } from '../../javascript/src/index.js';
import { known, t, time } from './words/index.js';

/** What is said of an error. */
export function explained(error: unknown): string {
  if (error instanceof NoAnswer) return t('error no-answer');
  if (!(error instanceof ApiError)) return String(error);
  const { body, code, fields, retryAfter } = error;
  if (code === 'suspended' && typeof body['until'] === 'string') {
    return t('suspendedUntil', { time: time(body['until']) });
  }
  const text = explainedCode(code, fields.map(({ field, detail }) => `${field}: ${detail}`).join('; ') || error.message);
  return retryAfter > 1000 ? `${text} ${t('waitSeconds', { seconds: Math.ceil(retryAfter / 1000) })}` : text;
}

export function explainedCode(code: string, detail: string): string {
  const word = known(`error ${code}`);
  return word ? t(word, { detail }) : detail;
}
