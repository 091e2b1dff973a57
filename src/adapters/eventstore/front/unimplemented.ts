// Refuses the calls of the protocol that the front does not implement, with a message that names the call and a server
// that implements it.
import {
  status,
  type MethodDefinition,
  type ServiceDefinition,
  type UntypedHandleCall,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { Refusal } from './refusal.ts';

/** Handlers for every call of the service: the given ones, and a refusal for the others. */
export function complete(
  service: ServiceDefinition,
  handlers: UntypedServiceImplementation,
): UntypedServiceImplementation {
  const all: UntypedServiceImplementation = {};
  for (const [name, definition] of Object.entries(service)) {
    all[name] = handlers[name] ?? refusing(definition);
  }
  return all;
}

function refusing({ path, responseStream }: MethodDefinition<unknown, unknown>): UntypedHandleCall {
  const refusal = (): Refusal =>
    new Refusal(
      status.UNIMPLEMENTED,
      `Tocsin's store does not implement ${path}: it appends, reads, subscribes and tombstones. Use EventStoreDB or KurrentDB for the rest.`,
    );
  if (responseStream) {
    return (call: { emit: (name: 'error', error: Refusal) => boolean }) => {
      call.emit('error', refusal());
    };
  }
  return (_call: unknown, done: (error: Refusal) => void) => {
    done(refusal());
  };
}
