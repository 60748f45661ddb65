// The simulated life of the daemon as an experiment: how many lives, kills, power cuts and days, and what was lost.
import type { Experiment, Row } from '../helpers/experiment.ts';
import {
  replayOf,
  type Simulated,
  STEPS,
  simulate,
  simulatedDays,
} from '../simulation/simulation.ts';

const LIVES = { quick: 10, full: 500 } as const;
const FIRST_SEED = 10_000;

const experiment: Experiment = {
  title: 'Simulated lives of the daemon, from seeds',

  async run(size, log) {
    const lives: Simulated[] = [];
    for (let seed = FIRST_SEED; seed < FIRST_SEED + LIVES[size]; seed++) {
      const life = await simulate({ seed, steps: STEPS });
      lives.push(life);
      if (life.broken.length > 0) log(`${replayOf(life)}: ${life.broken[0]}`);
    }
    const sum = (of: (life: Simulated) => number): number =>
      lives.reduce((total, life) => total + of(life), 0);
    const lost = lives.filter(({ broken }) => broken.length > 0).length;
    const days = simulatedDays(sum(({ simulatedMs }) => simulatedMs));
    const detail = `${sum(({ steps }) => steps)} steps, ${sum(({ runs }) => runs)} runs, ${days} days`;
    const part = (what: string, times: number): Row => ({
      what,
      times,
      lost: null,
      detail: 'in these lives',
    });
    return [
      {
        what: 'lives with random commands, faults, clocks and kills',
        times: lives.length,
        lost,
        detail,
      },
      part(
        'kill -9 of the daemon, at any operation',
        sum(({ kills }) => kills),
      ),
      part(
        'power cuts',
        sum(({ cuts }) => cuts),
      ),
    ];
  },
};

export default experiment;
