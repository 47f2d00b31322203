/** Calls handlers by the name of what happened. A handler that throws keeps no other from being called. */
export class Emitter<Events> {
  private handlers = new Map<keyof Events, Set<(data: never) => void>>();

  /** Calls `handler` each time; returns what ends that. */
  on<Name extends keyof Events>(name: Name, handler: (data: Events[Name]) => void): () => void {
    const handlers = this.handlers.get(name) ?? new Set();
    this.handlers.set(name, handlers.add(handler));
    return () => void handlers.delete(handler);
  }

  protected emit<Name extends keyof Events>(name: Name, data: Events[Name]): void {
    for (const handler of [...(this.handlers.get(name) ?? [])]) {
      try {
        (handler as (data: Events[Name]) => void)(data);
      } catch (error) {
        console.error(error);
      }
    }
  }
}
