"""What a trained model is, in plain numbers: the form that the ONNX graph, the SQL expression and the explanations are made from."""

from foretable.forms.form import Column, Finish, Form, Linear, Tree, Trees, floor32

__all__ = ["Column", "Finish", "Form", "Linear", "Tree", "Trees", "floor32"]
