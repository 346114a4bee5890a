import { listOf, type Noun, oneOf, useRemove, useSave } from './noun';
import type { Policy } from './types';

const noun: Noun = { path: '/policies', key: 'policies' };

export const policies = listOf<Policy>(noun);
export const policy = (name: string) => oneOf<Policy>(noun, name);
export const useSavePolicy = () => useSave<Policy>(noun);
export const useRemovePolicy = () => useRemove(noun);
