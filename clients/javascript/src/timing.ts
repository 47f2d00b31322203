const LONGEST = 30_000;

/** Milliseconds to wait after so many failures in a row: at random, so that clients cut together do not come together. */
export function backoff(failures: number): number {
  return Math.random() * Math.min(LONGEST, 1000 * 2 ** failures);
}

/** A wait that can be ended early. */
export interface Wait {
  over: Promise<void>;
  end(): void;
}

export function wait(milliseconds: number): Wait {
  let end = (): void => {};
  const over = new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    end = () => {
      clearTimeout(timer);
      resolve();
    };
  });
  return { over, end };
}
