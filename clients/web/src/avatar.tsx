import type { User } from '../../javascript/src/index.js';

const UPLOADED = /^uploads\/[0-9a-f]{32}\.(png|jpg|gif|webp)$/;
const TONES = 6;

/** The path of a picture that this daemon has; null for any other address, which the page does not load. */
export function uploaded(url: string | null | undefined): string | null {
  return url && UPLOADED.test(url) ? `/${url}` : null;
}

/** A person's picture, or the first letter of the name. The name stands beside it. */
export function Avatar({ person, name, id, big }: { person: User | null; name: string; id: string; big?: boolean }) {
  const photo = uploaded(person?.photo);
  const size = big ? 'avatar big' : 'avatar';
  if (photo) return <img class={size} src={photo} alt="" loading="lazy" />;
  const letter = [...name.replace(/^[^\p{L}\p{N}]+/u, '')][0] ?? '?';
  return <span class={`${size} tone-${parseInt(id.slice(-4), 16) % TONES}`} aria-hidden="true">{letter.toUpperCase()}</span>;
}
