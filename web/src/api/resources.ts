import { listOf, type Noun, useRemove, useSave } from './noun';
import type { Resource } from './types';

const noun: Noun = { path: '/resources', key: 'resources' };

export const resources = listOf<Resource>(noun);
export const useSaveResource = () => useSave<Resource>(noun);
export const useRemoveResource = () => useRemove(noun);
