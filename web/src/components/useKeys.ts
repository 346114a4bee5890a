import { useEffect, useEffectEvent } from 'react';

type Keys = Record<string, () => void>;

// useKeys runs an action for a key pressed anywhere on the page but where one types or in an open dialog.
export function useKeys(keys: Keys) {
  const press = useEffectEvent((e: KeyboardEvent) => {
    if (e.defaultPrevented || e.ctrlKey || e.metaKey || e.altKey) return;
    const target = e.target instanceof Element ? e.target : document.body;
    if (target.closest('input, textarea, select, [contenteditable="true"], [role="dialog"], [role="menu"]')) return;
    // Enter on a button or link is that button's own.
    if (e.key === 'Enter' && target.closest('button, a, [role="tab"]')) return;
    if (/^Arrow/.test(e.key) && target.closest('[role="tab"], [role="radio"]')) return;
    const action = keys[e.key];
    if (!action) return;
    e.preventDefault();
    action();
  });
  useEffect(() => {
    document.addEventListener('keydown', press);
    return () => document.removeEventListener('keydown', press);
  }, []);
}
