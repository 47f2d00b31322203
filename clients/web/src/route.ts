/** What is shown, by the part of the address after `#`. */
export type Route = { page: 'rooms' | 'dialogs' | 'me' } | { page: 'room' | 'dialog'; id: string };

export function routed(): Route {
  const [page, id] = location.hash.replace(/^#\/?/, '').split('/');
  if ((page === 'room' || page === 'dialog') && id) return { page, id };
  return { page: page === 'dialogs' || page === 'me' ? page : 'rooms' };
}
