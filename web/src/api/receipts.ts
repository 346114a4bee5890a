import { queryOptions } from '@tanstack/react-query';
import { request, requestAll } from './http';
import type { ReceiptSummary, SignedReceipt } from './types';

export const receipts = queryOptions({
  queryKey: ['receipts'] as const,
  queryFn: ({ signal }) => requestAll<ReceiptSummary>('/receipts', signal),
});

export const receiptsOf = (user: string) =>
  queryOptions({
    queryKey: ['receipts', 'of', user] as const,
    queryFn: ({ signal }) => requestAll<ReceiptSummary>('/receipts', signal, { user }),
  });

export const receiptPath = (id: string) => `/receipts/${encodeURIComponent(id)}`;

export const receipt = (id: string) =>
  queryOptions({
    queryKey: ['receipts', id] as const,
    queryFn: ({ signal }) => request<SignedReceipt>('GET', receiptPath(id), { signal }),
    staleTime: Infinity, // it is signed: it stays as it is
  });
