import hooks from 'eslint-plugin-react-hooks';
import { globalIgnores } from 'eslint/config';
import ts from 'typescript-eslint';

export default ts.config(
  globalIgnores(['dist', 'node_modules', 'src/api/schema.gen.ts', 'test-results', 'playwright-report']),
  ...ts.configs.recommendedTypeChecked,
  { languageOptions: { parserOptions: { projectService: { allowDefaultProject: ['eslint.config.js'] } } } },
  {
    files: ['src/**/*.{ts,tsx}'],
    ...hooks.configs.flat.recommended,
  },
  {
    rules: {
      eqeqeq: 'error',
      'no-console': 'error',
      'no-restricted-syntax': [
        'error',
        {
          selector: "JSXAttribute[name.name='dangerouslySetInnerHTML']",
          message: 'What people typed into a database is shown here: never as HTML.',
        },
      ],
      '@typescript-eslint/no-confusing-void-expression': 'off',
      '@typescript-eslint/only-throw-error': 'off', // the router's redirect() is thrown
    },
  },
);
