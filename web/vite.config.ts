import { defineConfig } from 'vitest/config';
import react from '@vitejs/plugin-react';

// SALLY_API is where `npm run dev` finds a running `sally server`.
const api = process.env.SALLY_API ?? 'http://127.0.0.1:7480';

export default defineConfig({
  plugins: [react()],
  build: {
    outDir: 'dist',
    // public/.gitkeep comes back as dist/.gitkeep, so that the tree stays clean after a build.
    emptyOutDir: true,
    // Nothing is inlined as data:, so that the page works under a content policy of 'self'.
    assetsInlineLimit: 0,
    sourcemap: false,
    // The frame and the audit page, with the libraries that all pages share.
    chunkSizeWarningLimit: 800,
  },
  server: { proxy: { '/api': { target: api, secure: false } } },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
});
