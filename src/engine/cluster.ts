// The knowledge that daemons of a store have of each other. On files there is one daemon, and none of this.
import type { Member, MemberInfo, Members } from './members.ts';

export interface Cluster extends Pick<Members, 'giveUp'> {
  /** Another one after `rejoin`. */
  readonly self: Member;
  /** When it was asked to become a member, by the elapsed time of this process. */
  readonly joinedAt: number;
  /**
   * Tells the store that this member lives, and how it is. Rejects with `store-unreachable` where that was not
   * answered.
   */
  renew(info: MemberInfo): Promise<Renewal>;
  /** Becomes a member under a new number, where the others have given up the old one. */
  rejoin(info: MemberInfo): Promise<void>;
  /** Runs of an earlier daemon of this state folder are taken back: it is a member no longer. */
  inherited(): Promise<void>;
  /** Calls back when there are signs that the store is away, before a renewal shows it. */
  onTrouble(listener: () => void): void;
  /** This one holds nothing any more. */
  leave(): Promise<void>;
}

/** The answer of the store. */
export interface Renewal {
  /** False where others have given this member up: what it held is theirs. */
  readonly isMember: boolean;
  readonly others: readonly OtherMember[];
  /** Runs are held by members that are no longer there. */
  readonly hasAbandoned: boolean;
}

export interface OtherMember extends Member {
  readonly pid: number;
  readonly beats: number;
  readonly leaseMs: number;
  /** The age of its latest renewal, by the clock of the store. */
  readonly silentMs: number;
}
