import type { components } from './api.js';

type Schemas = components['schemas'];

export type User = Schemas['UserDocument'];
export type Room = Schemas['RoomDocument'];
export type Message = Schemas['MessageDocument'];
export type DirectMessage = Schemas['DirectMessageDocument'];
export type Gift = Schemas['GiftDocument'];
export type SendedGift = Schemas['SendedGiftDocument'];

interface Told {
  error: null;
}
interface Own extends Told {
  /** The event's number among all those for the user. */
  n: number;
}

export interface Ready extends Told {
  user: string;
  n: number;
  room: string | null;
  seq: number | null;
  /** The users whom the user blocks, latest first, at most 1,000. */
  blocks: string[];
}
export type MessageEvent = Message & Told;
/** It has `n` where the user is outside the room. */
export type ServiceMessage = Message & Told & { type: string; n?: number };
export type DirectMessageEvent = Omit<DirectMessage, 'type'> & Own & { type: 'direct-message' };
export interface ReadMessage extends Own {
  _id: string;
  author: string;
  user: string;
  created_at: string;
  data: DirectMessage;
}
export interface GiftMessage extends Told, Omit<SendedGift, 'gift'> {
  /** Absent where somebody else in the room was given it. */
  n?: number;
  room: string | null;
  user: string;
  gift: Gift;
}
export interface MessageRemoved extends Told {
  _id: string;
  /** The id of the message. */
  message: string;
  /** Null for a direct message, which has `n`. */
  room: string | null;
  seq?: number;
  n?: number;
  author: string | null;
  created_at: string;
  /** Of a held message: it keeps no place. */
  held?: true;
}

/** What the socket tells, by name. */
export interface SocketEvents {
  message: MessageEvent;
  'service-message': ServiceMessage;
  'direct-message': DirectMessageEvent;
  'read-message': ReadMessage;
  'gift-message': GiftMessage;
  'message-removed': MessageRemoved;
}
