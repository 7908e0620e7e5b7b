import { type Server, type ServerName, type StartOptions, startServer } from "./servers.js";
import type { Sample, Session, Sizes, Work } from "./work.js";

/** No step of a work takes this long unless something hangs. */
const stepTimeoutMs = 180_000;

/** The result of a work on one server: samples, or why there are none. */
export interface Result {
  readonly work: string;
  readonly unit: string;
  readonly server: ServerName;
  readonly samples: readonly Sample[];
  readonly failed?: string;
}

export interface RunOptions extends StartOptions {
  readonly rounds: number;
  readonly sizes: Sizes;
  /** Called with what is being done. */
  readonly progress: (text: string) => void;
}

/** Runs a work on its servers, round by round in turn. Never rejects. */
export async function runWork(
  work: Work,
  servers: readonly ServerName[],
  options: RunOptions,
): Promise<Result[]> {
  const entrants = servers.map((name) => new Entrant(work, name, options));
  if (work.fresh) {
    for (let round = 1; round <= options.rounds; round++) {
      for (const entrant of entrants) {
        options.progress(`${work.name}: round ${round} of ${options.rounds}, ${entrant.name}`);
        await entrant.step(() => entrant.start());
        await entrant.step(() => entrant.round());
        await entrant.stop();
      }
    }
  } else {
    for (const entrant of entrants) {
      options.progress(`${work.name}: preparing ${entrant.name}`);
      await entrant.step(() => entrant.start());
      await entrant.step(() => entrant.warmUp());
    }
    for (let round = 1; round <= options.rounds; round++) {
      for (const entrant of entrants) {
        options.progress(`${work.name}: round ${round} of ${options.rounds}, ${entrant.name}`);
        await entrant.step(() => entrant.round());
      }
    }
    await Promise.all(entrants.map((entrant) => entrant.stop()));
  }
  return entrants.map(({ name, samples, failed }) => ({
    work: work.name,
    unit: work.unit,
    server: name,
    samples: failed === undefined ? samples : [],
    failed,
  }));
}

/** One server doing one work. */
class Entrant {
  readonly samples: Sample[] = [];
  failed: string | undefined;
  #server: Server | undefined;
  #session: Session | undefined;
  readonly #work: Work;
  readonly #options: RunOptions;

  constructor(
    work: Work,
    readonly name: ServerName,
    options: RunOptions,
  ) {
    this.#work = work;
    this.#options = options;
  }

  async start(): Promise<void> {
    this.#server = await startServer(this.name, this.#options);
    this.#session = await this.#work.prepare(this.#server, this.#options.sizes);
  }

  async warmUp(): Promise<void> {
    await this.#session!.round();
  }

  async round(): Promise<void> {
    const sample = await this.#session!.round();
    if (!(sample.cost > 0)) {
      throw new Error(`a cost of ${sample.cost} was measured`);
    }
    this.samples.push(sample);
  }

  /** Runs a step unless one has failed; a failure ends the entrant. */
  async step(run: () => Promise<void>): Promise<void> {
    if (this.failed !== undefined) {
      return;
    }
    let timer: NodeJS.Timeout | undefined;
    try {
      const timeout = new Promise<never>((_, reject) => {
        timer = setTimeout(
          () => reject(new Error(`nothing came of it in ${stepTimeoutMs / 1000} s`)),
          stepTimeoutMs,
        );
      });
      await Promise.race([run(), timeout]);
    } catch (error) {
      this.failed = (error as Error).message;
      await this.stop();
    } finally {
      clearTimeout(timer);
    }
  }

  async stop(): Promise<void> {
    this.#session?.end();
    this.#session = undefined;
    await this.#server?.stop();
    this.#server = undefined;
  }
}
