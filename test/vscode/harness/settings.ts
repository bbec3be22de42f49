/** The names of the default themes, for `workbench.colorTheme`. */
export const themes = {
  dark: "Dark Modern",
  light: "Light Modern",
  darkHighContrast: "Default High Contrast",
  lightHighContrast: "Default High Contrast Light",
} as const;

/** Settings under which nothing moves, asks or phones home by itself. */
export const quietSettings = {
  "chat.disableAIFeatures": true,
  "extensions.autoCheckUpdates": false,
  "extensions.autoUpdate": false,
  "extensions.ignoreRecommendations": true,
  "files.autoSave": "off",
  "files.simpleDialog.enable": true,
  "git.enabled": false,
  "security.workspace.trust.enabled": false,
  "telemetry.telemetryLevel": "off",
  "update.mode": "none",
  "update.showReleaseNotes": false,
  "window.commandCenter": false,
  // Recently used commands would come first, and move the others while they are clicked.
  "workbench.commandPalette.history": 0,
  "workbench.colorTheme": themes.dark,
  "workbench.enableExperiments": false,
  "workbench.layoutControl.enabled": false,
  "workbench.secondarySideBar.defaultVisibility": "hidden",
  "workbench.startupEditor": "none",
  "workbench.tips.enabled": false,
  "workbench.welcomePage.walkthroughs.openOnInstall": false,
};
