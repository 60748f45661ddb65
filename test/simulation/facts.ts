// What clients asked for beyond runs: schedules that are there or not, pauses in force or not. What was answered is so;
// what was asked and not answered, because the daemon died, may be so or not until the next start has shown it.
import type { Engine } from '../../src/engine/engine.ts';

interface Fact {
  allowed: boolean[];
  /** Requests on their way. */
  open: number;
  /** Of these there were several at once: nobody knows which one came last. */
  mixed: boolean;
}

/** How a request about a fact ended. */
export interface Asked {
  readonly answered: () => void;
  readonly refused: () => void;
}

export class Facts {
  readonly #facts = new Map<string, Fact>();
  readonly #break: (text: string) => void;

  constructor(onBroken: (text: string) => void) {
    this.#break = onBroken;
  }

  asked(name: string, value: boolean): Asked {
    const fact = this.#facts.get(name) ?? { allowed: [false], open: 0, mixed: false };
    this.#facts.set(name, fact);
    const before = [...fact.allowed];
    fact.allowed = [...before, value];
    fact.mixed = fact.open++ > 0 || (fact.mixed && fact.open > 1);
    const settle = (allowed: boolean[]): void => {
      if (--fact.open === 0 && !fact.mixed) fact.allowed = allowed;
    };
    return { answered: () => settle([value]), refused: () => settle(before) };
  }

  /** True where this was answered, and nothing has been asked since. */
  isCertain(name: string): boolean {
    const { allowed = [], open = 0 } = this.#facts.get(name) ?? {};
    return open === 0 && allowed.length === 1 && allowed[0] === true;
  }

  async check(engine: Engine): Promise<void> {
    for (const [name, fact] of this.#facts) {
      const is = await isSo(name, engine);
      if (!fact.allowed.includes(is)) this.#break(`${name}: is ${is}, answered was ${!is}`);
      if (fact.open === 0) fact.allowed = [is];
    }
  }

  /** After a start: what is there is what became of all that was not answered. */
  async recovered(engine: Engine): Promise<void> {
    await this.check(engine);
    for (const [name, fact] of this.#facts) {
      fact.allowed = [await isSo(name, engine)];
      fact.open = 0;
      fact.mixed = false;
    }
  }
}

async function isSo(name: string, engine: Engine): Promise<boolean> {
  const [kind, what = ''] = name.split(' ');
  if (kind === 'schedule') return (await engine.schedules()).some((one) => one.name === what);
  const { all, jobs } = await engine.pauses();
  return what === 'all' ? all : jobs.has(what);
}
