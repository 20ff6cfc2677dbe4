// A headless Chromium with a profile folder, driven by Playwright.
import { type BrowserContext, chromium } from 'playwright'

const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Starts Chromium at `executablePath` on the profile `folder`, which keeps IndexedDB and cookies. */
export const openBrowser = (executablePath: string, folder: string): Promise<BrowserContext> =>
  chromium.launchPersistentContext(folder, {
    executablePath,
    args: flags,
    headless: true,
    handleSIGINT: false,
    handleSIGTERM: false,
    viewport: { width: 1200, height: 700 },
  })
