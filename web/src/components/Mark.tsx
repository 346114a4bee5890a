// Mark is Sallyport's sign: the two leaves of a gate.
export function Mark({ size = 18 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true">
      <path d="M4 29V11A9 9 0 0 1 13 2h1.5v27z" fill="var(--sp-accent)" />
      <path d="M28 29V11a9 9 0 0 0-9-9h-1.5v27z" fill="var(--sp-accent)" opacity="0.55" />
    </svg>
  );
}
