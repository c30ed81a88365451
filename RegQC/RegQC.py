"""Registration Quality Control: the 3D Slicer module, its shell, its console functions, its test.

The work is done elsewhere: panels in RegQCUI, scene objects in RegQCScene, images in RegQCLib.
All of them load when they are first needed, so that the module appears even where a Python
package is missing.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin

OWN_PACKAGES = ("RegQCUI", "RegQCScene", "RegQCLib")


def addLibraryFolder() -> None:
    """Make RegQCLib importable: it lies beside this file, or one folder up in a source checkout.

    It goes before a RegQCLib that was installed by pip, which may be of another version.
    """
    here = Path(__file__).resolve().parent
    for folder in (here, here.parent):
        if (folder / "RegQCLib" / "__init__.py").is_file():
            sys.path[:] = [str(folder), *(path for path in sys.path if path != str(folder))]
            return


class RegQC(ScriptedLoadableModule):
    """What Slicer shows of the module before it is opened."""

    def __init__(self, parent: Any) -> None:
        ScriptedLoadableModule.__init__(self, parent)
        addLibraryFolder()
        parent.title = _("Registration Quality Control")
        parent.categories = [translate("qSlicerAbstractCoreModule", "Registration")]
        parent.dependencies = []
        parent.contributors = ["The RegQC authors"]
        parent.helpText = _(
            "Tells whether two registered images are aligned, where not, and by how much; "
            "corrects the transform and records the decision. Pick a fixed and a moving volume "
            "and press Check alignment."
        )
        parent.acknowledgementText = _(
            "The sample images come from the Longitudinal MR image database of multiple sclerosis "
            "patients, Laboratory of Imaging Technologies, University of Ljubljana (CC BY)."
        )
        slicer.app.connect("startupCompleted()", registerSampleData)


def registerSampleData() -> None:
    """Offer the bundled pair in the Sample Data module."""
    from RegQCScene.sample_data import registerSampleData as register

    register()


class RegQCWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The shell: makes the parameter node, the session and the panels, and forwards events."""

    def __init__(self, parent: Any = None) -> None:
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic: Any = None
        self.session: Any = None
        self.runner: Any = None
        self.shell: Any = None

    def setup(self) -> None:
        """Build the panels once; the scene may change under them later."""
        ScriptedLoadableModuleWidget.setup(self)
        from RegQCScene.session import Session
        from RegQCUI.job_timer import JobTimer
        from RegQCUI.shell import Shell

        self.logic = RegQCLogic()
        self.runner = JobTimer()
        self.session = Session(self.logic.getParameterNode(), self.runner)
        self.shell = Shell(self.session, self.layout)
        scene = slicer.mrmlScene
        self.addObserver(scene, scene.StartCloseEvent, self.onSceneChanges)
        self.addObserver(scene, scene.StartImportEvent, self.onSceneChanges)
        self.addObserver(scene, scene.EndCloseEvent, self.onSceneReplaced)
        self.addObserver(scene, scene.EndImportEvent, self.onSceneReplaced)

    def enter(self) -> None:
        """Connect the widgets again and tell the panels that they are seen."""
        self.shell.enter()

    def exit(self) -> None:
        """Let go of views and shortcuts while another module is open."""
        self.shell.exit()

    def cleanup(self) -> None:
        """Stop what runs and let go of everything; also called before a reload."""
        self.removeObservers()
        if self.shell is not None:
            self.shell.cleanup()
            self.session.close()
            self.runner.cleanup()
        self.shell = self.session = self.runner = None

    def onSceneChanges(self, caller: Any, event: Any) -> None:  # noqa: ARG002
        """Follow no node that vanishes, nor parameters half read from an older scene."""
        self.shell.disconnectParameters()
        self.session.close()

    def onSceneReplaced(self, caller: Any, event: Any) -> None:  # noqa: ARG002
        """Work on the new scene's parameters."""
        self.shell.disconnectParameters()
        self.session.setParameters(self.logic.getParameterNode())
        self.shell.connectParameters()

    def onReload(self) -> None:
        """Read all of the module's files again, not only this one."""
        for name in list(sys.modules):
            if name.partition(".")[0] in OWN_PACKAGES:
                del sys.modules[name]
        ScriptedLoadableModuleWidget.onReload(self)


class RegQCLogic(ScriptedLoadableModuleLogic):
    """The module's functions for the Python console and scripts: no dialogs, no widgets.

    Nodes and keywords in, results out; a user's mistake raises ValueError with one line.
    `slicer.util.getModuleLogic("RegQC")` returns one.
    """

    def getParameterNode(self) -> Any:
        """Return the scene's settings and results of this module, typed."""
        from RegQCScene.parameters import RegQCParameters

        wrap: Any = RegQCParameters  # its decorator changes what it is called with
        return wrap(ScriptedLoadableModuleLogic.getParameterNode(self))

    def check(
        self, fixedNode: Any, movingNode: Any, transformNode: Any = None, **options: Any
    ) -> Any:
        """Tell whether two volumes are aligned; see `RegQCScene.logic_api.check`."""
        from RegQCScene import logic_api

        return logic_api.check(fixedNode, movingNode, transformNode, **options)

    def register(
        self, fixedNode: Any, movingNode: Any, transformNode: Any = None, **options: Any
    ) -> Any:
        """Compute a transform from moving to fixed; see `RegQCScene.logic_api.register`."""
        from RegQCScene import logic_api

        return logic_api.register(fixedNode, movingNode, transformNode, **options)

    def fixSlices(self, volumeNode: Any, referenceNode: Any = None, **options: Any) -> Any:
        """Put slices back that moved; see `RegQCScene.logic_api.fixSlices`."""
        from RegQCScene import logic_api

        return logic_api.fixSlices(volumeNode, referenceNode, **options)

    def export(
        self, fixedNode: Any, movingNode: Any, transformNode: Any = None, **options: Any
    ) -> Any:
        """Write a transform and the moved volume to files; see `RegQCScene.logic_api.export`."""
        from RegQCScene import logic_api

        return logic_api.export(fixedNode, movingNode, transformNode, **options)


class RegQCTest(ScriptedLoadableModuleTest):
    """Self-test for the Reload and Test button and for CTest: what only Slicer itself can show."""

    def setUp(self) -> None:
        slicer.mrmlScene.Clear()

    def runTest(self) -> None:
        """Run every test from a clean scene."""
        for test in (self.test_files, self.test_panels, self.test_check):
            self.setUp()
            test()
        self.delayDisplay(_("RegQC: all tests passed"))

    def test_files(self) -> None:
        """The library, its network and the sample lie where the module looks for them."""
        import RegQCLib
        from RegQCScene.sample_data import sampleFolder

        weights = Path(RegQCLib.__file__).parent / "weights"
        self.assertTrue((weights / "calibration.json").is_file())
        self.assertTrue((weights / "matcher.xml").is_file())
        self.assertTrue((sampleFolder() / "moved.tfm").is_file())

    def test_panels(self) -> None:
        """The panels build and survive a scene that closes under them."""
        if slicer.app.commandOptions().noMainWindow:
            return  # no layout to put them in
        widget = slicer.util.getModuleWidget("RegQC")
        self.assertTrue(widget.shell.panels)
        slicer.mrmlScene.Clear()
        self.assertIsNone(widget.session.parameters.fixedVolume)

    def test_check(self) -> None:
        """The bundled pair is aligned; under the bundled transform it is not."""
        from RegQCScene.sample_data import loadSample
        from RegQCUI.dependencies import missingRequirements

        missing = missingRequirements()
        if missing:
            self.delayDisplay(_("Skipped, packages are missing: ") + ", ".join(missing))
            return
        fixed, moving, moved = loadSample()
        logic = RegQCLogic()
        self.assertEqual(logic.check(fixed, moving).verdict, "aligned")
        self.assertEqual(logic.check(fixed, moving, moved).verdict, "misaligned")
