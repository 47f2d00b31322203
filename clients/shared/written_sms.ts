const IS_HERE = /^(localhost|127\.[\d.]+|\[::1\])$/.test(location.hostname);

/** The last SMS, if this page is on the daemon's own machine and the daemon sends none (docs/protocol.rst, "The web client"). */
export async function writtenSms(phone: string): Promise<string | null> {
  if (!IS_HERE) return null;
  try {
    const answer = await fetch(`/web/key?phone=${encodeURIComponent(phone)}`);
    return answer.ok ? ((await answer.json()) as { text: string }).text : null;
  } catch {
    return null;
  }
}
