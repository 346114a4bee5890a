// Language is what a text is written in, as far as it can be coloured.
export type Language = 'pgsql' | 'sql' | 'json' | 'text';

const LANGUAGES: Record<string, Language> = { postgres: 'pgsql', mysql: 'sql' };

// languageOf is what statements of a protocol are written in.
export const languageOf = (protocol: string | undefined): Language => LANGUAGES[protocol ?? ''] ?? 'text';

// isSql says whether a statement can be laid out for reading.
export const isSql = (language: Language): boolean => language === 'pgsql' || language === 'sql';
