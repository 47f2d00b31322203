/** What both pages begin with. */
export function Header({ page, isForUsers = true }: { page: 'calls' | 'events'; isForUsers?: boolean }) {
  // Of the folder that the daemon serves: another one behind a proxy that adds a prefix.
  const root = page === 'calls' ? '.' : '..';
  return (
    <header>
      <h1>JustChat</h1>
      <nav aria-label="Documentation">
        <a href={`${root}/docs`} aria-current={page === 'calls' ? 'page' : undefined}>Calls</a>
        <a href={`${root}/openapi.json`}>openapi.json</a>
        {isForUsers && (
          <>
            <a href={`${root}/docs/events`} aria-current={page === 'events' ? 'page' : undefined}>Events</a>
            <a href={`${root}/asyncapi.json`}>asyncapi.json</a>
            <a href={`${root}/`}>Chat</a>
          </>
        )}
      </nav>
    </header>
  );
}
