// The API's shapes under the names that pages use. They come from the API's own description: openapi.json is what
// the server serves as /api/v1/openapi.json, and schema.gen.ts is generated from it by `npm run generate`.
import type { components } from './schema.gen';

type Schemas = components['schemas'];

export type AccessRequest = Schemas['AccessRequest'];
export type AuditEvent = Schemas['Event'];
export type AuditCount = Schemas['Count'];
export type AuditStatus = Schemas['AuditStatus'];
export type Credential = Schemas['Credential'];
export type EventPage = Schemas['Page'];
export type Histogram = Schemas['Histogram'];
export type LiveSession = Schemas['LiveSession'];
export type Me = Schemas['Me'];
export type Node = Schemas['Node'];
export type Protocol = Schemas['Protocol'];
export type Proof = Schemas['Proof'];
export type Resource = Schemas['Resource'];
export type Role = Schemas['Role'];
export type Suspension = Schemas['Suspension'];
export type ExplainInput = Schemas['ExplainInput'];
export type Explanation = Schemas['Explanation'];
export type Gateway = Schemas['Gateway'];
export type GatewayStatus = Schemas['GatewayStatus'];
export type Grant = Schemas['Grant'];
export type NewGrant = Pick<Grant, 'user' | 'role' | 'resource' | 'account' | 'until' | 'reason'>;
export type Group = Schemas['Group'];
export type Holder = Schemas['Holder'];
export type JoinToken = Schemas['JoinToken'];
export type Membership = Schemas['Membership'];
export type NewLink = Schemas['NewLink'];
export type Offer = Schemas['Offer'];
export type Openness = Schemas['Openness'];
export type Policy = Schemas['Policy'];
export type Receipt = Schemas['Receipt'];
export type ReceiptSummary = Schemas['ReceiptSummary'];
export type RequestInput = Schemas['RequestInput'];
export type RequestRule = Schemas['RequestRule'];
export type SecretInput = Schemas['SecretInput'];
export type SignedReceipt = Schemas['SignedReceipt'];
export type StatementRules = Schemas['StatementRules'];
export type Window = Schemas['Window'];
export type HeldRole = Schemas['HeldRole'];
export type NewToken = Schemas['NewToken'];
export type Passkey = Schemas['Passkey'];
export type SignedInAt = Schemas['SignedInAt'];
export type SignInMethods = Schemas['SignInMethods'];
export type Token = Schemas['Token'];
export type TokenInput = Schemas['TokenInput'];
export type Top = Schemas['Top'];
export type TopValue = Schemas['TopValue'];
export type User = Schemas['User'];
export type NewUser = Pick<User, 'name' | 'title' | 'email' | 'kind' | 'groups' | 'roles' | 'workloads'>;

export type StatementText = NonNullable<AuditEvent['statement']>;
export type Param = NonNullable<AuditEvent['params']>[number];
